# One runtime: its own few objects, and the link of all live objects into the shared library.
include(BuildRuntimeFlags)
set_property(GLOBAL PROPERTY build_runtime_root_targets "")

# The sources generated for this selection.
function(build_runtime_roots)
  build_runtime_sources(sources ${ARGN})
  add_library(roots OBJECT ${sources})
  _build_runtime_root(roots own)
endfunction()

# A file of the source tree that registers operators itself, filtered by an allow-list header of its
# own: its directory comes first on the include path.
function(build_runtime_registrar name source)
  build_runtime_sources(source "${source}")
  add_library(registrar_${name} OBJECT "${source}")
  set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_OPTIONS -include upstream/named_operators.h)
  _build_runtime_root(registrar_${name} interpreter "project/registrars/${name}")
endfunction()

# Sources of operators of the user's own, each with the header before it that exports its kernels. They
# look for headers in the folders that were given. They are compiled when a build asks for their objects.
function(build_runtime_extension)
  cmake_parse_arguments(PARSE_ARGV 0 extension "" "" "FOLDERS;SOURCES;HEADERS")
  build_runtime_sources(sources ${extension_SOURCES})
  add_library(extension OBJECT EXCLUDE_FROM_ALL ${sources})
  set_source_files_properties(${sources} PROPERTIES LANGUAGE CXX)
  foreach(source header IN ZIP_LISTS sources extension_HEADERS)
    set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_OPTIONS -include "${header}")
  endforeach()
  build_runtime_compile_settings(extension extension
    project/include "${BUILD_RUNTIME_CONFIGURED}" ${extension_FOLDERS})
endfunction()

function(_build_runtime_root target kind)
  build_runtime_compile_settings(${target} ${kind} ${ARGN} project/include "${BUILD_RUNTIME_CONFIGURED}")
  set_property(GLOBAL APPEND PROPERTY build_runtime_root_targets ${target})
endfunction()

# The calls that were cut are defined in a file of their own, known only after the last sweep.
#
# The objects of the store belong to another project: their state is in a file beside the response.
#
# Links what the response file lists (objects, libraries, flags of the target) with lld itself; the
# compiler driver refuses many of its options. OBJECTS are targets of this project that have some of them.
function(build_runtime_library)
  cmake_parse_arguments(PARSE_ARGV 0 library "" "" "OBJECTS")
  list(TRANSFORM library_OBJECTS REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>")
  get_property(roots GLOBAL PROPERTY build_runtime_root_targets)
  add_custom_target(runtime_roots DEPENDS ${roots})
  build_runtime_sources(source cuts.cpp)
  add_library(cuts OBJECT "${source}")
  build_runtime_compile_settings(cuts own "${BUILD_RUNTIME_CONFIGURED}")
  set(library "${BUILD_RUNTIME_PREFIX}/lib/libbuild_runtime.so")
  set(version_script "tree/native/build_runtime.map")
  set(symbols "${BUILD_RUNTIME_PREFIX}/symbols/libbuild_runtime.so")
  file(MAKE_DIRECTORY "${BUILD_RUNTIME_PREFIX}/lib" "${BUILD_RUNTIME_PREFIX}/symbols")
  set(words -soname libbuild_runtime.so --version-script "${version_script}")
  set(inputs CMakeFiles/cuts.dir/cuts.cpp.o @link.rsp)
  add_custom_command(
    OUTPUT "${library}"
    BYPRODUCTS "${CMAKE_BINARY_DIR}/link.map" "${CMAKE_BINARY_DIR}/folded.txt"
    COMMAND "${BUILD_RUNTIME_LINKER}"
      ${BUILD_RUNTIME_LINK_FLAGS} -o "${library}" ${words} -Map=link.map
      --print-icf-sections ${inputs} > folded.txt
    DEPENDS runtime_roots "$<TARGET_OBJECTS:cuts>" ${library_OBJECTS} "${CMAKE_BINARY_DIR}/link.rsp"
      "${CMAKE_BINARY_DIR}/link.rsp.state" "${CMAKE_BINARY_DIR}/${version_script}"
    WORKING_DIRECTORY "${CMAKE_BINARY_DIR}"
    COMMAND_EXPAND_LISTS VERBATIM
    COMMENT "Linking libbuild_runtime.so"
  )
  add_custom_target(runtime_library DEPENDS "${library}")
  # The same link once more, with what symbols.rsp says of symbol tables and of the build id.
  add_custom_command(
    OUTPUT "${symbols}"
    COMMAND "${BUILD_RUNTIME_LINKER}"
      ${BUILD_RUNTIME_LINK_FLAGS} -o "${symbols}" ${words} ${inputs} @symbols.rsp
    DEPENDS "${library}" "${CMAKE_BINARY_DIR}/symbols.rsp"
    WORKING_DIRECTORY "${CMAKE_BINARY_DIR}"
    COMMAND_EXPAND_LISTS VERBATIM
    COMMENT "Linking libbuild_runtime.so with symbols"
  )
  add_custom_target(runtime_symbols DEPENDS "${symbols}")
endfunction()

# The programs on top of the C API, which find the runtime in `lib/`, or beside them: one that loads and runs a
# model, and one that times it as PyTorch Mobile's does. A folder of `tools/` is the program of its name.
function(build_runtime_tools)
  build_runtime_program(build-runtime-run tools)
  build_runtime_program(speed_benchmark_torch tools/speed_benchmark_torch)
endfunction()

function(build_runtime_program name folder)
  file(GLOB sources RELATIVE "${CMAKE_BINARY_DIR}" "${CMAKE_BINARY_DIR}/${build_runtime_own}/${folder}/*.c")
  build_runtime_sources(sources ${sources})
  add_executable(${name} ${sources})
  list(JOIN BUILD_RUNTIME_FLAGS_own " " options)
  target_compile_options(${name} PRIVATE "SHELL:${options}" -std=c99 -I${build_runtime_own}/include)
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE _FILE_OFFSET_BITS=64 NDEBUG)
  target_link_options(${name} PRIVATE -Wl,--gc-sections -s -Wl,-z,max-page-size=16384
    "LINKER:-rpath,$ORIGIN/../lib:$ORIGIN")
  target_link_libraries(${name} PRIVATE "${BUILD_RUNTIME_PREFIX}/lib/libbuild_runtime.so" m)
  set_target_properties(${name} PROPERTIES
    SKIP_BUILD_RPATH ON RUNTIME_OUTPUT_DIRECTORY "${BUILD_RUNTIME_PREFIX}/bin")
  add_dependencies(${name} runtime_library)
endfunction()
