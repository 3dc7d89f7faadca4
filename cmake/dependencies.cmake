# Third-party libraries, all from Debian 12 (tools/setup.sh installs them). A module names the ones
# it uses in PRIVATE_LIBS or PUBLIC_LIBS of add_module(); header-only ones (Boost, fmt, CLI11) need
# no target. Static archives by name, because Debian ships both kinds and CMake prefers the shared
# one.

# add_archive(<name> <archive> [libs it needs...])  ->  imported target dep::<name>
function(add_archive name archive)
  find_library(MOLDAU_LIB_${name} NAMES ${archive} REQUIRED)
  add_library(dep::${name} INTERFACE IMPORTED GLOBAL)
  target_link_libraries(dep::${name} INTERFACE ${MOLDAU_LIB_${name}} ${ARGN})
  mark_as_advanced(MOLDAU_LIB_${name})
endfunction()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

add_archive(zstd libzstd.a)
add_archive(lz4 liblz4.a)
add_archive(snappy libsnappy.a)
add_archive(z libz.a)
add_archive(uring liburing.a)
add_archive(gtest libgtest.a Threads::Threads)
add_archive(gtest_main libgtest_main.a dep::gtest)

find_path(MOLDAU_BOOST_INCLUDE boost/asio.hpp REQUIRED)
file(STRINGS ${MOLDAU_BOOST_INCLUDE}/boost/version.hpp boost_version REGEX "#define BOOST_VERSION ")
if(NOT boost_version MATCHES "1081[0-9][0-9]")
  message(FATAL_ERROR "Boost 1.81 headers are needed (Debian's libboost1.81-dev): ${boost_version}")
endif()
