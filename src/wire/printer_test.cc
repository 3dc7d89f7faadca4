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
