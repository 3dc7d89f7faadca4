// The console's HTTP: heads in pieces, damaged heads, what an answer looks like.
#include "console/http.h"

#include <gtest/gtest.h>

namespace moldau::console {
namespace {

constexpr std::string_view kGet =
    "GET /metrics?x=1 HTTP/1.1\r\nHost: localhost:9644\r\nAccept: */*\r\n\r\n";

TEST(HttpTest, HeadIsDoneWhenItsEmptyLineIsThere) {
  HttpRequest request;
  for (std::size_t size = 0; size < kGet.size(); ++size) {
    EXPECT_EQ(parse_request(kGet.substr(0, size), request), HttpParse::kNeedMore) << size;
  }
  EXPECT_EQ(parse_request(kGet, request), HttpParse::kDone);
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/metrics?x=1");
}

TEST(HttpTest, WhatIsNoRequestIsBad) {
  HttpRequest request;
  for (const std::string_view bytes :
       {std::string_view("\0\0\0\x0c\0\x12\0\0", 8), std::string_view("GET\r\n\r\n"),
        std::string_view("GET / HTTP/9.9\r\n\r\n"), std::string_view("G@T / HTTP/1.1\r\n\r\n"),
        std::string_view("GET / HTTP/1.1\r\nno colon\r\n\r\n")}) {
    EXPECT_EQ(parse_request(bytes, request), HttpParse::kBad) << bytes;
  }
}

TEST(HttpTest, AnswerSaysItsLengthAndThatTheConnectionEnds) {
  EXPECT_EQ(http_response(404, "text/plain", "gone\n"),
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
            "Connection: close\r\n\r\ngone\n");
}

}  // namespace
}  // namespace moldau::console
