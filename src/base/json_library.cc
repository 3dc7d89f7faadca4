// Boost.JSON is header-only here: this one file holds its code. Includers use boost/json.hpp.
#include <boost/json/src.hpp>
