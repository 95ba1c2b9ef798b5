# A cross toolchain out of single-file compiler wrappers. The values come from the initial cache.
#
# CMake reads a toolchain file again in every try_compile project, where the initial cache is not
# known: the variables it needs are passed on.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES
  BUILD_RUNTIME_CC BUILD_RUNTIME_CXX BUILD_RUNTIME_AR BUILD_RUNTIME_PROCESSOR)

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR "${BUILD_RUNTIME_PROCESSOR}")
set(CMAKE_C_COMPILER "${BUILD_RUNTIME_CC}")
set(CMAKE_CXX_COMPILER "${BUILD_RUNTIME_CXX}")
set(CMAKE_AR "${BUILD_RUNTIME_AR}" CACHE FILEPATH "")
# Probes need not link: zig would build runtime libraries of an unoptimised kind for them.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
