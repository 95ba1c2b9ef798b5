# One runtime: its own few objects, and the link of all live objects into the shared library.
include(BuildRuntimeFlags)
set_property(GLOBAL PROPERTY build_runtime_root_targets "")

# The sources generated for this selection.
function(build_runtime_roots)
  add_library(roots OBJECT ${ARGN})
  _build_runtime_root(roots)
  build_runtime_own_settings(roots)
endfunction()

# A file of the source tree that registers operators itself, filtered by an allow-list header of its
# own: its directory comes first on the include path.
function(build_runtime_registrar name source)
  add_library(registrar_${name} OBJECT "${source}")
  _build_runtime_root(registrar_${name} "${CMAKE_SOURCE_DIR}/registrars/${name}")
endfunction()

function(_build_runtime_root target)
  build_runtime_compile_settings(${target}
    ${ARGN} "${CMAKE_SOURCE_DIR}/include" "${BUILD_RUNTIME_STORE_BUILD}/include")
  set_property(GLOBAL APPEND PROPERTY build_runtime_root_targets ${target})
endfunction()

# The first definition of a symbol is taken: native/src/registry/libcxx_cuts.cpp says what for.
#
# The calls that were cut are defined in a file of their own, known only after the last sweep.
#
# The objects of the store belong to another project: their state is in a file beside the response.
#
# Links what the response file lists (objects, libraries, flags of the target) with lld itself; the
# compiler driver refuses many of its options.
#
# No --icf: it would save 1 %, but folds functions whose addresses are compared (the deleters of a
# tensor's data), as zig leaves the tables that tell them apart unusable. The build id is of the content, so
# equal inputs give equal bytes. Pages are 16 KB on every 64-bit ABI: what Android 15 asks for.
function(build_runtime_library version_script)
  get_property(roots GLOBAL PROPERTY build_runtime_root_targets)
  add_custom_target(runtime_roots DEPENDS ${roots})
  add_library(cuts OBJECT "${BUILD_RUNTIME_CUTS}")
  build_runtime_compile_settings(cuts "${BUILD_RUNTIME_STORE_BUILD}/include")
  build_runtime_own_settings(cuts)
  set(library "${BUILD_RUNTIME_PREFIX}/lib/libbuild_runtime.so")
  set(response "${BUILD_RUNTIME_RESPONSE}")
  file(MAKE_DIRECTORY "${BUILD_RUNTIME_PREFIX}/lib")
  add_custom_command(
    OUTPUT "${library}"
    BYPRODUCTS "${CMAKE_BINARY_DIR}/link.map"
    COMMAND "${BUILD_RUNTIME_LINKER}"
      -shared -o "${library}" -soname libbuild_runtime.so
      --version-script "${version_script}" --no-undefined-version --no-undefined
      --gc-sections --allow-multiple-definition -O2 --strip-all --build-id=sha1
      --eh-frame-hdr --hash-style=gnu
      -z now -z relro -z noexecstack -z max-page-size=16384 -z common-page-size=4096
      "-Map=${CMAKE_BINARY_DIR}/link.map"
      "$<TARGET_OBJECTS:cuts>" "@${response}"
    DEPENDS runtime_roots "$<TARGET_OBJECTS:cuts>" "${response}" "${response}.state" "${version_script}"
    WORKING_DIRECTORY "${CMAKE_BINARY_DIR}"
    COMMAND_EXPAND_LISTS VERBATIM
    COMMENT "Linking libbuild_runtime.so"
  )
  add_custom_target(runtime_library DEPENDS "${library}")
endfunction()

# The program that loads and runs a model through the C API.
function(build_runtime_tools directory)
  file(GLOB sources CONFIGURE_DEPENDS "${directory}/*.c")
  add_executable(build-runtime-run ${sources})
  build_runtime_prefix_maps(maps)
  target_compile_options(build-runtime-run PRIVATE -Os -g0 -std=c99 -Wall -Wextra -ffunction-sections ${maps})
  target_compile_definitions(build-runtime-run PRIVATE _GNU_SOURCE _FILE_OFFSET_BITS=64 NDEBUG)
  target_include_directories(build-runtime-run PRIVATE "${directory}/../include")
  target_link_options(build-runtime-run PRIVATE -Wl,--gc-sections -s -Wl,-z,max-page-size=16384 "LINKER:-rpath,$ORIGIN/../lib")
  target_link_libraries(build-runtime-run PRIVATE "${BUILD_RUNTIME_PREFIX}/lib/libbuild_runtime.so" m)
  set_target_properties(build-runtime-run PROPERTIES 
    SKIP_BUILD_RPATH ON RUNTIME_OUTPUT_DIRECTORY "${BUILD_RUNTIME_PREFIX}/bin")
  add_dependencies(build-runtime-run runtime_library)
endfunction()
