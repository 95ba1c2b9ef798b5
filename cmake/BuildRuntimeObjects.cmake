# The object store: every candidate source as an object, compiled only when it is asked for.
include(BuildRuntimeFlags)
include(BuildRuntimeConfig)
build_runtime_config_headers("${CMAKE_BINARY_DIR}/include")

# What compilers tell of dependencies leaves out headers of ours that one of upstream includes.
file(GLOB_RECURSE build_runtime_generated "${CMAKE_BINARY_DIR}/include/*.h")
list(APPEND build_runtime_generated "${CMAKE_BINARY_DIR}/project/include/ATen/selected_mobile_ops.h")

# build_runtime_object_group(<name> KIND <kind> LANGUAGE <C|CXX> [PRECOMPILED <header>...]
#                            [DEFINITIONS ...] [OPTIONS ...] [INCLUDES ...] SOURCES ...)
#
# EXCLUDE_FROM_ALL and no target depends on the group: ninja compiles exactly the objects it is
# given by name. Sources and includes are relative to the build directory.
function(build_runtime_object_group name)
  cmake_parse_arguments(PARSE_ARGV 1 group "" "KIND;LANGUAGE" "DEFINITIONS;OPTIONS;INCLUDES;PRECOMPILED;SOURCES")
  build_runtime_sources(sources ${group_SOURCES})
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${sources})
  set_source_files_properties(${sources} PROPERTIES LANGUAGE ${group_LANGUAGE})
  set_property(SOURCE ${sources} APPEND PROPERTY OBJECT_DEPENDS ${build_runtime_generated})
  _build_runtime_group_settings(${name})
  if(group_PRECOMPILED)
    _build_runtime_precompiled(${name})
  endif()
endfunction()

macro(_build_runtime_group_settings target)
  build_runtime_compile_settings(${target} ${group_KIND} project/include include)
  target_compile_definitions(${target} PRIVATE ${group_DEFINITIONS})
  target_compile_options(${target} PRIVATE ${group_OPTIONS})
  foreach(directory IN LISTS group_INCLUDES)
    target_compile_options(${target} PRIVATE "SHELL:-isystem \"${directory}\"")
  endforeach()
endmacro()

# A precompiled header as an object like any other: CMake's own would be named by an absolute path.
macro(_build_runtime_precompiled name)
  build_runtime_sources(header "precompiled/${name}.cpp")
  list(TRANSFORM group_PRECOMPILED REPLACE "(.+)" "#include \\1\n" OUTPUT_VARIABLE lines)
  list(JOIN lines "" text)
  file(CONFIGURE OUTPUT "${header}" CONTENT "${text}" @ONLY)
  set_property(SOURCE "${header}" APPEND PROPERTY OBJECT_DEPENDS ${build_runtime_generated})
  add_library(${name}_precompiled OBJECT EXCLUDE_FROM_ALL "${header}")
  _build_runtime_group_settings(${name}_precompiled)
  target_compile_options(${name}_precompiled PRIVATE
    -fpch-instantiate-templates "SHELL:-Xclang -emit-pch" "SHELL:-x c++-header")
  set(precompiled "CMakeFiles/${name}_precompiled.dir/precompiled/${name}.cpp.o")
  set_property(SOURCE ${sources} APPEND PROPERTY OBJECT_DEPENDS "${CMAKE_BINARY_DIR}/${precompiled}")
  target_compile_options(${name} PRIVATE "SHELL:-Xclang -include-pch -Xclang ${precompiled}")
  foreach(target ${name} ${name}_precompiled)
    # the headers may be installed anew, with other times
    target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp" -Winvalid-pch)
  endforeach()
endmacro()
