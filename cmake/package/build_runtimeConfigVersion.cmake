# A runtime serves whoever asks for its version or an older one of the same major version, and only
# programs of its own pointer size, so that find_package looks on among several ABIs.
string(REGEX MATCH "^[0-9]+" _build_runtime_major "${PACKAGE_VERSION}")
string(REGEX MATCH "^[0-9]+" _build_runtime_wanted "${PACKAGE_FIND_VERSION}")
set(PACKAGE_VERSION_COMPATIBLE FALSE)
set(PACKAGE_VERSION_EXACT FALSE)
if(CMAKE_SIZEOF_VOID_P AND NOT CMAKE_SIZEOF_VOID_P EQUAL _build_runtime_pointer_size)
  set(PACKAGE_VERSION_UNSUITABLE TRUE)
elseif(_build_runtime_wanted STREQUAL _build_runtime_major
    AND NOT PACKAGE_VERSION VERSION_LESS PACKAGE_FIND_VERSION)
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
  if(PACKAGE_VERSION VERSION_EQUAL PACKAGE_FIND_VERSION)
    set(PACKAGE_VERSION_EXACT TRUE)
  endif()
endif()
unset(_build_runtime_major)
unset(_build_runtime_wanted)
unset(_build_runtime_pointer_size)
