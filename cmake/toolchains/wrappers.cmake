# A cross toolchain out of single-file compiler wrappers. The values come from the initial cache.
#
# CMake reads a toolchain file again in every try_compile project, where the initial cache is not
# known: the variables it needs are passed on.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES
  BUILD_RUNTIME_CC BUILD_RUNTIME_CXX BUILD_RUNTIME_AR BUILD_RUNTIME_CLANG BUILD_RUNTIME_SYSTEM
  BUILD_RUNTIME_PROCESSOR)

set(CMAKE_SYSTEM_NAME "${BUILD_RUNTIME_SYSTEM}")
set(CMAKE_SYSTEM_PROCESSOR "${BUILD_RUNTIME_PROCESSOR}")
set(CMAKE_C_COMPILER "${BUILD_RUNTIME_CC}")
set(CMAKE_CXX_COMPILER "${BUILD_RUNTIME_CXX}")
set(CMAKE_AR "${BUILD_RUNTIME_AR}" CACHE FILEPATH "")
# The compiler is known: asking it would link programs, for which zig builds runtime libraries of an
# unoptimised kind (a minute per target).
foreach(language C CXX)
  set(CMAKE_${language}_COMPILER_ID_RUN TRUE)
  set(CMAKE_${language}_COMPILER_ID Clang)
  set(CMAKE_${language}_COMPILER_FRONTEND_VARIANT GNU)
  set(CMAKE_${language}_COMPILER_VERSION "${BUILD_RUNTIME_CLANG}")
  set(CMAKE_${language}_STANDARD_COMPUTED_DEFAULT 17)
  set(CMAKE_${language}_EXTENSIONS_COMPUTED_DEFAULT ON)
  set(CMAKE_${language}_COMPILER_WORKS TRUE)
  set(CMAKE_${language}_ABI_COMPILED TRUE)
endforeach()
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
