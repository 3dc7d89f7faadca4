// The little of HTTP/1.1 that the console speaks: one request, one answer, connection closed.
// Parsing is Boost.Beast's. Any loop.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace moldau::console {

struct HttpRequest {
  std::string method;
  std::string target;
};

enum class HttpParse { kNeedMore, kBad, kDone };

// Parses the head of a request from all bytes so far.
[[nodiscard]] HttpParse parse_request(std::string_view bytes, HttpRequest& into);

[[nodiscard]] std::string http_response(int status, std::string_view content_type,
                                        std::string_view body);

}  // namespace moldau::console
