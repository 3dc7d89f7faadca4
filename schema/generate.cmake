# Generates the wire module's C++ into <build>/generated/wire when schemas or generator change.
# Sets WIRE_SOURCES (to compile) and WIRE_HEADERS. Files that come out the same keep their time, so
# that one changed schema recompiles only what includes it.

find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)

set(schema_dir ${PROJECT_SOURCE_DIR}/schema)
set(wire_dir ${PROJECT_BINARY_DIR}/generated/wire)
file(GLOB_RECURSE schemas CONFIGURE_DEPENDS ${schema_dir}/*.schema)
file(GLOB generator CONFIGURE_DEPENDS ${schema_dir}/generate.py ${schema_dir}/generator/*.py)

set(WIRE_SOURCES ${wire_dir}/registry_table.cc)
set(WIRE_HEADERS ${wire_dir}/api_key.h)
set(wire_test_headers ${wire_dir}/fields/all.h)
foreach(schema IN LISTS schemas)
  cmake_path(GET schema STEM stem)
  list(APPEND WIRE_SOURCES ${wire_dir}/${stem}.cc)
  list(APPEND WIRE_HEADERS ${wire_dir}/${stem}.h)
  list(APPEND wire_test_headers ${wire_dir}/fields/${stem}.h)
endforeach()
foreach(family metadata tiered group_key group_value transaction_key transaction_value share_key
        share_value)
  string(REPLACE "_" "_record_" stem ${family})
  if(NOT family MATCHES "_")
    set(stem ${family}_record)
  endif()
  list(APPEND WIRE_SOURCES ${wire_dir}/${stem}.cc)
  list(APPEND WIRE_HEADERS ${wire_dir}/${stem}.h)
endforeach()

add_custom_command(
  OUTPUT ${WIRE_SOURCES} ${WIRE_HEADERS} ${wire_test_headers}
  COMMAND ${Python3_EXECUTABLE} ${schema_dir}/generate.py --schemas ${schema_dir}
          --out ${PROJECT_BINARY_DIR}/generated
  DEPENDS ${schemas} ${generator}
  COMMENT "Generating the wire codecs"
  VERBATIM)
