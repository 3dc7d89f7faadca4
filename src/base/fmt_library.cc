// Debian ships fmt as headers and a shared library only; this file is our static copy of its code.
#include <fmt/format-inl.h>
