# The object store: every candidate source as an object, compiled only when it is asked for.
include(BuildRuntimeFlags)
include(BuildRuntimeConfig)
build_runtime_config_headers("${CMAKE_BINARY_DIR}/include")

# build_runtime_object_group(<name> LANGUAGE <C|CXX> [PRECOMPILED <header>...] [DEFINITIONS ...]
#                            [OPTIONS ...] [INCLUDES ...] SOURCES ...)
#
# EXCLUDE_FROM_ALL and no target depends on the group: ninja compiles exactly the objects it is
# given by name.
function(build_runtime_object_group name)
  cmake_parse_arguments(PARSE_ARGV 1 group "" "LANGUAGE" "DEFINITIONS;OPTIONS;INCLUDES;PRECOMPILED;SOURCES")
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${group_SOURCES})
  set_source_files_properties(${group_SOURCES} PROPERTIES LANGUAGE ${group_LANGUAGE})
  build_runtime_compile_settings(${name} "${CMAKE_SOURCE_DIR}/include" "${CMAKE_BINARY_DIR}/include")
  if(name STREQUAL "native")
    build_runtime_own_settings(${name})
  endif()
  target_compile_definitions(${name} PRIVATE ${group_DEFINITIONS})
  target_compile_options(${name} PRIVATE ${group_OPTIONS})
  target_include_directories(${name} PRIVATE ${group_INCLUDES})
  if(group_PRECOMPILED)
    target_precompile_headers(${name} PRIVATE ${group_PRECOMPILED})
    # the toolchain's headers may be installed anew, with other times
    target_compile_options(${name} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endfunction()
