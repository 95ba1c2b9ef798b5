# How every object of the runtime is compiled.

# The headers of the toolchain are no dependencies: its version decides the store, and where it is
# installed must not.
foreach(language C CXX)
  string(REPLACE "-MD " "-MMD " CMAKE_DEPFILE_FLAGS_${language} "${CMAKE_DEPFILE_FLAGS_${language}}")
endforeach()

# The facts of a mobile CPU build of LibTorch's lite interpreter (PyTorch 2.6, caffe2/CMakeLists.txt
# and aten/src/ATen/CMakeLists.txt), with the size switches upstream has no CMake option for.
set(BUILD_RUNTIME_TORCH_DEFINITIONS
  NDEBUG
  C10_MOBILE
  NO_EXPORT
  BUILD_LITE_INTERPRETER
  TEMPLATE_SELECTIVE_BUILD
  AT_PER_OPERATOR_HEADERS
  C10_BUILD_MAIN_LIB
  CAFFE2_BUILD_MAIN_LIB
  USE_PTHREADPOOL
  FMT_HEADER_ONLY=1
  FMT_USE_LOCALE=0
  FLASHATTENTION_DISABLE_ALIBI
  HAVE_MMAP=1
  HAVE_SHM_OPEN=1
  HAVE_SHM_UNLINK=1
  HAVE_MALLOC_USABLE_SIZE=1
  _FILE_OFFSET_BITS=64
  USE_EXTERNAL_MZCRC
  PYTORCH_DISABLE_PER_OP_PROFILING
  C10_MOBILE_TRIM_DISPATCH_KEYS
  STRIP_ERROR_MESSAGES
)

set(BUILD_RUNTIME_OPTIONS
  -Os
  -g0
  -fPIC
  -ffunction-sections
  -fdata-sections
  -fvisibility=hidden
  # Frames are needed to unwind exceptions, not to sample a running program: functions that cannot
  # throw need none (a quarter of the unwind tables).
  -fno-asynchronous-unwind-tables
  -fno-math-errno
  -fno-trapping-math
  -w # upstream's warnings are not ours to show
)

# Warnings stay on for our own code, paths of this machine stay out of every object.
function(build_runtime_prefix_maps out)
  set(maps "-ffile-prefix-map=${CMAKE_SOURCE_DIR}=project" "-ffile-prefix-map=${CMAKE_BINARY_DIR}=build")
  foreach(pair IN LISTS BUILD_RUNTIME_PREFIX_MAP)
    list(APPEND maps "-ffile-prefix-map=${pair}")
  endforeach()
  set(${out} "${maps}" PARENT_SCOPE)
endfunction()

# build_runtime_compile_settings(<target> <include>...): the includes come before all others.
function(build_runtime_compile_settings target)
  build_runtime_prefix_maps(maps)
  target_compile_definitions(${target} PRIVATE ${BUILD_RUNTIME_TORCH_DEFINITIONS})
  target_compile_options(${target} PRIVATE
    ${BUILD_RUNTIME_OPTIONS}
    ${maps}
    "$<$<COMPILE_LANGUAGE:CXX>:-std=c++17;-fvisibility-inlines-hidden;-Wno-invalid-specialization>"
  )
  target_include_directories(${target} PRIVATE ${ARGN} ${BUILD_RUNTIME_INCLUDES})
endfunction()

# What our own sources need besides. Nothing else may name their directory, which is part of the
# installed program: with another one, LibTorch's objects stay up to date.
function(build_runtime_own_settings target)
  target_include_directories(${target} PRIVATE "${BUILD_RUNTIME_OWN}/include" "${BUILD_RUNTIME_OWN}/src")
  target_compile_options(${target} PRIVATE "-ffile-prefix-map=${BUILD_RUNTIME_OWN}=native")
endfunction()
