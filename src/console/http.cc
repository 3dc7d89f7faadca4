#include "console/http.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>

namespace moldau::console {

HttpParse parse_request(std::string_view bytes, HttpRequest& into) {
  namespace http = boost::beast::http;
  http::request_parser<http::empty_body> parser;
  boost::system::error_code error;
  parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (error == http::error::need_more) return HttpParse::kNeedMore;
  if (error) return HttpParse::kBad;
  if (!parser.is_header_done()) return HttpParse::kNeedMore;
  into.method = parser.get().method_string();
  into.target = parser.get().target();
  return HttpParse::kDone;
}

std::string http_response(int status, std::string_view content_type, std::string_view body) {
  const auto reason = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(static_cast<unsigned>(status)));
  std::string response = "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason) +
                         "\r\nContent-Type: " + std::string(content_type) +
                         "\r\nContent-Length: " + std::to_string(body.size()) +
                         "\r\nConnection: close\r\n\r\n";
  response += body;
  return response;
}

}  // namespace moldau::console
