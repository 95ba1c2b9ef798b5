# Offers the runtime for ANDROID_ABI as build_runtime::build_runtime, as Prefab does. It is found from
# where this file is: the folder can be moved.
get_filename_component(_build_runtime_module
  "${CMAKE_CURRENT_LIST_DIR}/../prefab/modules/build_runtime" ABSOLUTE)
set(_build_runtime_library "${_build_runtime_module}/libs/android.${ANDROID_ABI}/libbuild_runtime.so")
if(NOT EXISTS "${_build_runtime_library}")
  file(GLOB _build_runtime_abis RELATIVE "${_build_runtime_module}/libs" "${_build_runtime_module}/libs/*")
  list(JOIN _build_runtime_abis ", " _build_runtime_abis)
  set(build_runtime_FOUND FALSE)
  set(build_runtime_NOT_FOUND_MESSAGE
    "no runtime for ANDROID_ABI '${ANDROID_ABI}' in ${_build_runtime_module}: it has ${_build_runtime_abis}")
  unset(_build_runtime_abis)
elseif(NOT TARGET build_runtime::build_runtime)
  add_library(build_runtime::build_runtime SHARED IMPORTED)
  set_target_properties(build_runtime::build_runtime PROPERTIES
    IMPORTED_LOCATION "${_build_runtime_library}"
    IMPORTED_SONAME libbuild_runtime.so
    INTERFACE_INCLUDE_DIRECTORIES "${_build_runtime_module}/include"
  )
endif()
unset(_build_runtime_library)
unset(_build_runtime_module)
