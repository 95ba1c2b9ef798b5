# How every object of the runtime is compiled. The flags themselves are data (builder/data/flags.toml):
# they come in by the kind of the sources.

# Commands name no path of the machine: they run in the build directory, and what they name is linked
# into it. A directory that was moved compiles nothing anew.
# CMake names sources by absolute paths, so they are given as an option of their own.
set(CMAKE_C_COMPILE_OBJECT "tools/cc <DEFINES> <INCLUDES> <FLAGS> -o <OBJECT>")
set(CMAKE_CXX_COMPILE_OBJECT "tools/cxx <DEFINES> <INCLUDES> <FLAGS> -o <OBJECT>")

# build_runtime_sources(<variable> <source>...): sources relative to the build directory, as CMake
# wants them.
function(build_runtime_sources variable)
  foreach(source IN LISTS ARGN)
    set_property(SOURCE "${CMAKE_BINARY_DIR}/${source}" APPEND PROPERTY COMPILE_OPTIONS -c "${source}")
  endforeach()
  list(TRANSFORM ARGN PREPEND "${CMAKE_BINARY_DIR}/")
  set(${variable} "${ARGN}" PARENT_SCOPE)
endfunction()

# Headers of the toolchain and of upstream are no dependencies: they never change, as their content is
# part of the store's name.
foreach(language C CXX)
  string(REPLACE "-MD " "-MMD " CMAKE_DEPFILE_FLAGS_${language} "${CMAKE_DEPFILE_FLAGS_${language}}")
endforeach()

set(build_runtime_own "tree/native")

# build_runtime_compile_settings(<target> <kind> <include>...): the includes come before all others.
function(build_runtime_compile_settings target kind)
  target_compile_definitions(${target} PRIVATE ${BUILD_RUNTIME_DEFINITIONS})
  list(TRANSFORM BUILD_RUNTIME_PREFIX_MAP PREPEND "-ffile-prefix-map=" OUTPUT_VARIABLE maps)
  set(includes "")
  foreach(directory IN LISTS ARGN)
    list(APPEND includes "-I${directory}")
  endforeach()
  if(kind MATCHES "^own")
    list(APPEND includes "-I${build_runtime_own}/include" "-I${build_runtime_own}/src")
  endif()
  foreach(directory IN LISTS BUILD_RUNTIME_INCLUDES)
    list(APPEND includes "SHELL:-isystem \"${directory}\"")
  endforeach()
  # one by one, CMake would take the same word for the same flag: the values of `-Xclang` differ
  list(JOIN BUILD_RUNTIME_FLAGS_${kind} " " options)
  list(JOIN BUILD_RUNTIME_CXX_FLAGS_${kind} " " cxx_options)
  target_compile_options(${target} PRIVATE
    ${includes} "SHELL:${options}" ${maps} "$<$<COMPILE_LANGUAGE:CXX>:SHELL:${cxx_options}>")
endfunction()
