#include "wire/printer.h"

#include <string>

#include <gtest/gtest.h>

#include "wire/fetch_request.h"
#include "wire/produce_response.h"
#include "wire/sasl_authenticate_request.h"

namespace moldau::wire {
namespace {

template <class Message>
std::string printed(const Message& message, std::int16_t version, PrintStyle style) {
  std::string text;
  Printer printer(text, style);
  print(message, version, printer);
  return text;
}

TEST(PrinterTest, OneLineOfText) {
  ProduceResponse response;
  response.responses.push_back(
      {.name = base::TopicName("a\"b\n"),
       .partition_responses = {{.index = base::PartitionIndex(3),
                                .error_code = ErrorCode::kNotLeaderOrFollower,
                                .base_offset = base::Offset(-1)}}});
  EXPECT_EQ(printed(response, 3, PrintStyle::kText),
            "ProduceResponse(responses=[TopicProduceResponse(name=\"a\\\"b\\u000a\", "
            "partition_responses=[PartitionProduceResponse(index=3, "
            "error_code=NOT_LEADER_OR_FOLLOWER, base_offset=-1, log_append_time_ms=-1)])], "
            "throttle_time_ms=0)");
}

TEST(PrinterTest, Json) {
  ProduceResponse response;
  response.responses.push_back({.name = base::TopicName("t")});
  response.responses.back().partition_responses.emplace_back();
  EXPECT_EQ(printed(response, 3, PrintStyle::kJson),
            R"({"responses":[{"name":"t","partition_responses":[{"index":0,"error_code":0,)"
            R"("base_offset":0,"log_append_time_ms":-1}]}],"throttle_time_ms":0})");
}

TEST(PrinterTest, BytesAreHiddenInTextAndBase64InJson) {
  const SaslAuthenticateRequest request{.auth_bytes = base::SharedBytes::copy_of("pass")};
  EXPECT_EQ(printed(request, 0, PrintStyle::kText), "SaslAuthenticateRequest(auth_bytes=4 bytes)");
  EXPECT_EQ(printed(request, 0, PrintStyle::kJson), R"({"auth_bytes":"cGFzcw=="})");
}

// Names that are not UTF-8 went into the JSON as they were, and nothing could parse it.
TEST(PrinterTest, MalformedTextIsReplacedAndTheRestKept) {
  ProduceResponse response;
  const auto name_of = [&](std::string_view name) {
    response.responses.assign(1, {.name = base::TopicName(name)});
    const std::string text = printed(response, 3, PrintStyle::kJson);
    return text.substr(0, text.find(",\"partition_responses\""));
  };
  const std::string start = R"({"responses":[{"name":")";
  for (const std::string_view whole : {"\xC5\x99", "\xE2\x82\xAC", "\xF0\x9F\x8C\x8A"}) {
    EXPECT_EQ(name_of(whole), start + std::string(whole) + '"');
    const std::string cut(whole.substr(0, whole.size() - 1));
    EXPECT_EQ(name_of(cut + "z").substr(0, start.size() + 6), start + R"(\ufffd)");
    EXPECT_TRUE(name_of(cut + "z").ends_with("z\""));
  }
  // A lone continuation, an overlong form, a surrogate, beyond U+10FFFF.
  EXPECT_EQ(name_of("a\x80z"), start + R"(a\ufffdz")");
  EXPECT_EQ(name_of("\xC0\x80"), start + R"(\ufffd\ufffd")");
  EXPECT_EQ(name_of("\xED\xA0\x80"), start + R"(\ufffd\ufffd\ufffd")");
  EXPECT_EQ(name_of("\xF4\x90\x80\x80"), start + R"(\ufffd\ufffd\ufffd\ufffd")");
}

TEST(PrinterTest, FieldsOfOtherVersionsAreLeftOut) {
  EXPECT_EQ(printed(FetchRequest{}, 4, PrintStyle::kText),
            "FetchRequest(replica_id=-1, max_wait_ms=0, min_bytes=0, max_bytes=2147483647, "
            "isolation_level=0, topics=[])");
}

TEST(PrinterTest, UnknownTagsShowNumberAndSize) {
  FetchRequest request;
  request.unknown_tags.push_back({.tag = 9, .bytes = base::SharedBytes::copy_of("abc")});
  EXPECT_NE(printed(request, 12, PrintStyle::kText).find("unknown_tags=[9:3 bytes])"),
            std::string::npos);
}

TEST(PrinterTest, OutputIsBounded) {
  FetchRequest request;
  for (int i = 0; i < 100'000; ++i) request.topics.emplace_back();
  const auto text = printed(request, 4, PrintStyle::kText);
  EXPECT_LE(text.size(), kPrintedBytesMax + 3);
  EXPECT_TRUE(text.ends_with("..."));
}

}  // namespace
}  // namespace moldau::wire
