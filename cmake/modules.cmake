# add_module(<name> [PARTS subfolders...] [DEPS modules...] [TEST_DEPS modules...]
#            [PUBLIC_LIBS libs...] [PRIVATE_LIBS libs...]
#            [SOURCES generated files...] [TEST_SOURCES files...] [TIER name] [OWN_FUZZERS])
#
# One module = one folder = one library.
#   library <name>     every *.cc of the folder, of internal/ and of its PARTS, without tests, fuzz
#                      entries and benchmarks
#   <name>_test        every *_test.cc; links only the declared DEPS and TEST_DEPS, and so proves
#                      that the module needs nothing else. Registered with ctest, label TIER
#                      (default: unit)
#   <name>_<x>_fuzz    from each <x>_fuzz.cc (LLVMFuzzerTestOneInput): a fuzzer in the fuzz preset;
#                      in the others a program that replays the files named on its command line.
#                      Under OWN_FUZZERS the list calls add_fuzzer() itself, for targets that need
#                      a few files of a large module
#   <name>_<x>_bench   from each <x>_bench.cc, a plain main() with the module linked; not in `all`
# A module that is named in DEPS but does not exist yet is left out, so that modules can land in any
# order. tools/tidy refuses a name that has no row in docs/modules.md, or that the row of the one
# who names it does not allow.

function(link_modules target scope)
  foreach(module IN LISTS ARGN)
    target_link_libraries(${target} ${scope} $<TARGET_NAME_IF_EXISTS:${module}>)
  endforeach()
endfunction()

# use_pch(<target> [std_pch|test_pch]): headers that are compiled once for all.
function(use_pch target)
  if(MOLDAU_PCH)
    set(choices std_pch ${ARGN})
    list(GET choices -1 pch)
    target_precompile_headers(${target} REUSE_FROM ${pch})
  endif()
endfunction()

function(add_pch name)
  add_library(${name} STATIC ${PROJECT_SOURCE_DIR}/cmake/pch.cc)
  target_precompile_headers(${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/${name}.h)
  # ccache cannot reuse a precompiled header that carries a time stamp.
  target_compile_options(${name} PRIVATE ${ARGN} "SHELL:-Xclang -fno-pch-timestamp")
endfunction()

# add_test_binary(<name> TIER <tier> SOURCES files... [DEPS modules...] [LIBS libs...]
#                 [ARGS arguments...])
function(add_test_binary name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIER" "SOURCES;DEPS;LIBS;ARGS")
  add_executable(${name} ${arg_SOURCES})
  link_modules(${name} PRIVATE ${arg_DEPS})
  target_link_libraries(${name} PRIVATE ${arg_LIBS} dep::gtest_main)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
  # A test's own code runs once: optimising it costs more than it gains. What it tests is compiled
  # as the preset says. The simulator's tests run for long, with code of both. (A precompiled
  # header fits one level of optimisation only.)
  if(arg_TIER STREQUAL sim)
    use_pch(${name})
  else()
    target_compile_options(${name} PRIVATE -O0)
    use_pch(${name} test_pch)
  endif()
  add_test(NAME ${name} COMMAND ${name} ${arg_ARGS})
  set_tests_properties(${name} PROPERTIES LABELS ${arg_TIER})
  set_property(GLOBAL APPEND PROPERTY MOLDAU_TESTS "${arg_TIER} ${name} ${arg_ARGS}")
endfunction()

# Files of this folder and of some subfolders that end in `suffix`.
function(glob_parts result suffix)
  set(patterns *${suffix})
  foreach(part IN LISTS ARGN)
    list(APPEND patterns ${part}/*${suffix})
  endforeach()
  file(GLOB found CONFIGURE_DEPENDS ${patterns})
  set(${result} ${found} PARENT_SCOPE)
endfunction()

function(add_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "OWN_FUZZERS" "TIER"
                        "PARTS;DEPS;PUBLIC_LIBS;PRIVATE_LIBS;TEST_DEPS;SOURCES;TEST_SOURCES")
  if(NOT arg_TIER)
    set(arg_TIER unit)
  endif()
  glob_parts(sources ".cc" internal ${arg_PARTS})
  glob_parts(headers ".h" ${arg_PARTS})
  glob_parts(tests "_test.cc" internal ${arg_PARTS})
  glob_parts(fuzzers "_fuzz.cc" internal ${arg_PARTS})
  glob_parts(benchmarks "_bench.cc" internal ${arg_PARTS})
  list(REMOVE_ITEM sources "" ${tests} ${fuzzers} ${benchmarks})
  list(APPEND sources ${arg_SOURCES})

  if(sources)
    set(scope PUBLIC)
    add_library(${name} STATIC ${sources})
    use_pch(${name})
    target_link_libraries(${name} PRIVATE ${arg_PRIVATE_LIBS})
  else()
    set(scope INTERFACE)
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${arg_PRIVATE_LIBS})
  endif()
  cmake_path(GET CMAKE_CURRENT_SOURCE_DIR PARENT_PATH root)
  target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${root}
                 FILES ${headers})
  target_include_directories(${name} ${scope} ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}
                             ${PROJECT_BINARY_DIR}/generated)
  target_link_libraries(${name} ${scope} ${arg_PUBLIC_LIBS})
  link_modules(${name} ${scope} ${arg_DEPS})

  list(APPEND tests ${arg_TEST_SOURCES})
  if(tests)
    add_test_binary(${name}_test TIER ${arg_TIER} SOURCES ${tests} DEPS ${name} ${arg_TEST_DEPS})
  endif()
  if(NOT arg_OWN_FUZZERS)
    foreach(source IN LISTS fuzzers)
      cmake_path(GET source STEM stem)
      add_fuzzer(${name}_${stem} SOURCES ${source} DEPS ${name})
    endforeach()
  endif()
  add_benchmarks(${name} ${benchmarks})
endfunction()

# add_fuzzer(<name> SOURCES files... DEPS modules...)
function(add_fuzzer target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  if(MOLDAU_FUZZ)
    add_executable(${target} ${arg_SOURCES})
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    set_property(GLOBAL APPEND PROPERTY MOLDAU_TESTS "fuzz ${target} ")
  else()
    add_executable(${target} ${arg_SOURCES} ${PROJECT_SOURCE_DIR}/cmake/fuzz_replay.cc)
  endif()
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
  link_modules(${target} PRIVATE ${arg_DEPS})
  use_pch(${target})
endfunction()

function(add_benchmarks module)
  foreach(source IN LISTS ARGN)
    cmake_path(GET source STEM stem)
    add_executable(${module}_${stem} EXCLUDE_FROM_ALL ${source})
    target_link_libraries(${module}_${stem} PRIVATE ${module})
    use_pch(${module}_${stem})
  endforeach()
endfunction()

# tests.list in the build folder: "tier binary arguments", one a line. tests/tiers/ reads it.
function(write_test_list)
  get_property(tests GLOBAL PROPERTY MOLDAU_TESTS)
  list(SORT tests)
  list(JOIN tests "\n" text)
  file(WRITE ${PROJECT_BINARY_DIR}/tests.list "${text}\n")
endfunction()

if(MOLDAU_PCH)
  add_pch(std_pch)
  add_pch(test_pch -O0)
  target_link_libraries(test_pch PRIVATE dep::gtest_main)
endif()

# add_program(<name> DEPS modules... [LIBS libs...] [TEST_SOURCES files...])   A binary from every
# *.cc of its folder, put into the root of the build folder; <name>_test from its *_test.cc and
# TEST_SOURCES. Both link <name>_commands, the other sources but main.cc. These are compiled a few
# at a time: the command line parser, a header, costs more than all that is in them.
function(add_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPS;LIBS;TEST_SOURCES")
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  file(GLOB tests CONFIGURE_DEPENDS *_test.cc)
  list(REMOVE_ITEM sources "" ${tests})
  if(NOT sources)
    return()
  endif()
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  add_library(${name}_commands STATIC ${sources})
  set_target_properties(${name}_commands PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  target_include_directories(${name}_commands PUBLIC ${PROJECT_SOURCE_DIR}/src
                             ${PROJECT_SOURCE_DIR})
  target_compile_definitions(${name}_commands PRIVATE MOLDAU_VERSION="${PROJECT_VERSION}")
  link_modules(${name}_commands PUBLIC ${arg_DEPS})
  target_link_libraries(${name}_commands PUBLIC ${arg_LIBS})
  use_pch(${name}_commands)
  add_executable(${name} main.cc)
  target_link_libraries(${name} PRIVATE ${name}_commands)
  use_pch(${name})
  if(tests)
    add_test_binary(${name}_test TIER unit SOURCES ${tests} ${arg_TEST_SOURCES}
                    LIBS ${name}_commands)
  endif()
endfunction()
