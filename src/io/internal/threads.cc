#include "io/internal/threads.h"

#include <csignal>

namespace moldau::io::internal {

rt::IoResult<pthread_t> start_thread_named(const std::string& name, std::size_t stack_bytes,
                                           void* (*function)(void*), void* argument) {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, stack_bytes);
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  // Faults are for the thread that made them, and profilers sample every thread.
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGPROF}) {
    ::sigdelset(&all, fault);
  }
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread{};
  const int refused = ::pthread_create(&thread, &attributes, function, argument);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_attr_destroy(&attributes);
  if (refused != 0) return std::unexpected(rt::io_error_from_errno(refused));
  ::pthread_setname_np(thread, name.c_str());
  return thread;
}

}  // namespace moldau::io::internal
