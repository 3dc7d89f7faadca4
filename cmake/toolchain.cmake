# Compiler, language, warnings, sanitizers and link mode of every target.

if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "Moldau needs clang 19 or newer, found ${CMAKE_CXX_COMPILER_ID} "
                      "${CMAKE_CXX_COMPILER_VERSION}. g++-12 miscompiles common coroutine code. "
                      "Use a preset (cmake --preset dev) after tools/setup.sh.")
endif()

option(MOLDAU_PCH "Precompile the standard library headers" ON)
option(MOLDAU_FUZZ "Build libFuzzer targets (needs MOLDAU_SANITIZE)" OFF)
set(MOLDAU_SANITIZE "" CACHE STRING "Value of -fsanitize=, empty for none")

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
# Target all_verify_interface_header_sets compiles each public header alone.
set(CMAKE_VERIFY_INTERFACE_HEADER_SETS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
set(CMAKE_PCH_INSTANTIATE_TEMPLATES ON)

# Inline small debug info: objects stay small, and a stack trace still has file and line.
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g -gz=zlib")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_SANITIZED "-O1 -g1")
set(CMAKE_C_FLAGS_SANITIZED "-O1 -g1")

add_compile_options(
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wthread-safety -Werror
  # TRY and CO_TRY (base/result.h) are GNU statement expressions.
  -Wno-gnu-statement-expression -Wno-gnu-statement-expression-from-macro-expansion
  # Designated initialisers leave the members they do not name at their defaults, on purpose.
  -Wno-missing-designated-field-initializers
  # A forgotten co_await, or a coroutine that outlives its arguments, is an error.
  -Werror=unused-result -Werror=dangling -Werror=return-stack-address
  -fno-omit-frame-pointer
  # The same object code from every clone: no absolute path enters an object.
  -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
add_compile_definitions(_GLIBCXX_ASSERTIONS)

add_link_options(-fuse-ld=lld)
if(MOLDAU_SANITIZE)
  set(sanitize -fsanitize=${MOLDAU_SANITIZE} -fno-sanitize-recover=all)
  if(MOLDAU_FUZZ)
    list(APPEND sanitize -fsanitize=fuzzer-no-link)
  endif()
  add_compile_options(${sanitize})
  add_link_options(${sanitize})
else()
  # Everything but glibc is linked statically: the binary runs where our packages are not installed.
  add_compile_options(-ffunction-sections -fdata-sections)
  add_link_options(-static-libstdc++ -static-libgcc -Wl,--gc-sections)
endif()

# ccache across clones and build folders; a precompiled header needs the two sloppiness settings.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()
