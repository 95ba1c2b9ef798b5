# A project that was written to be built without the tool: lays out the build directory as commands
# expect it (BuildRuntimeFlags.cmake), by way of links.
set(BUILD_RUNTIME_PREFIX "${CMAKE_BINARY_DIR}")
set(BUILD_RUNTIME_CONFIGURED include)

foreach(name tree project)
  file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}/${name}" "${CMAKE_BINARY_DIR}/${name}" SYMBOLIC)
endforeach()
file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/tools")
file(CREATE_LINK "${BUILD_RUNTIME_CC}" "${CMAKE_BINARY_DIR}/tools/cc" SYMBOLIC)
file(CREATE_LINK "${BUILD_RUNTIME_CXX}" "${CMAKE_BINARY_DIR}/tools/cxx" SYMBOLIC)
foreach(name cuts.cpp link.rsp)
  configure_file("${CMAKE_CURRENT_SOURCE_DIR}/${name}" "${CMAKE_BINARY_DIR}/${name}" COPYONLY)
endforeach()
foreach(name link.rsp.state symbols.rsp)
  file(TOUCH "${CMAKE_BINARY_DIR}/${name}")
endforeach()
