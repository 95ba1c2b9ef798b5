# Offers the runtime as build_runtime::build_runtime, and the folder of its models as
# build_runtime_MODELS. Both are found from where this file is: the folder can be moved.
get_filename_component(_build_runtime_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
set(build_runtime_MODELS "${_build_runtime_prefix}/share/build_runtime/models")
if(NOT TARGET build_runtime::build_runtime)
  add_library(build_runtime::build_runtime SHARED IMPORTED)
  set_target_properties(build_runtime::build_runtime PROPERTIES
    IMPORTED_LOCATION "${_build_runtime_prefix}/lib/libbuild_runtime.so"
    IMPORTED_SONAME libbuild_runtime.so
    INTERFACE_INCLUDE_DIRECTORIES "${_build_runtime_prefix}/include"
  )
endif()
unset(_build_runtime_prefix)
