#include "wire/frame.h"

#include <string>

#include <gtest/gtest.h>

#include "wire/api_versions_request.h"
#include "wire/api_versions_response.h"
#include "wire/fetch_request.h"
#include "wire/produce_request.h"
#include "wire/registry.h"
#include "wire/sasl_handshake_request.h"

namespace moldau::wire {
namespace {

TEST(FrameTest, HeaderVersions) {
  EXPECT_EQ(request_header_version(1, 11), 1);
  EXPECT_EQ(request_header_version(1, 12), 2);
  EXPECT_EQ(request_header_version(18, 99), 2);
  EXPECT_EQ(request_header_version(17, 1), 1);
  EXPECT_EQ(request_header_version(4, 1), std::nullopt);
  EXPECT_EQ(request_header_version(999, 0), std::nullopt);
  EXPECT_EQ(response_header_version(ApiKey::kFetch, 11), 0);
  EXPECT_EQ(response_header_version(ApiKey::kFetch, 12), 1);
  EXPECT_EQ(response_header_version(ApiKey::kApiVersions, 4), 0);
}

TEST(FrameTest, RequestByteForByte) {
  const SaslHandshakeRequest request{.mechanism = "PLAIN"};
  const auto frame = request_frame(request, 1, base::CorrelationId(7), "me");
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(base::to_hex(frame->flatten().span()),
            "00000013"          // size
            "00110001"          // key 17, version 1
            "00000007"          // correlation id
            "00026d65"          // client id
            "0005504c41494e");  // mechanism
}

TEST(FrameTest, FlexibleRequestByteForByte) {
  const ApiVersionsRequest request{.client_software_name = "m", .client_software_version = "1"};
  const auto frame = request_frame(request, 3, base::CorrelationId(1), std::nullopt);
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(base::to_hex(frame->flatten().span()),
            "00000010"
            "00120003"
            "00000001"
            "ffff"  // the client id keeps its int16 length
            "00"    // tags of the header
            "026d"
            "0231"
            "00");
}

TEST(FrameTest, RequestHeaderComesBack) {
  for (const std::int16_t version : {std::int16_t{11}, std::int16_t{12}}) {
    const auto frame =
        request_frame(FetchRequest{.max_bytes = 5}, version, base::CorrelationId(3), "client");
    ASSERT_TRUE(frame.has_value());
    Reader in(frame->flatten().slice(4));
    RequestHeader header;
    ASSERT_TRUE(decode_request_header(header, in).has_value());
    EXPECT_EQ(header.request_api_key, 1);
    EXPECT_EQ(header.request_api_version, version);
    EXPECT_EQ(header.correlation_id, base::CorrelationId(3));
    EXPECT_EQ(header.client_id, "client");
    FetchRequest request;
    ASSERT_TRUE(decode(request, version, in).has_value());
    EXPECT_TRUE(in.done().has_value());
    EXPECT_EQ(request.max_bytes, 5);
  }
}

TEST(FrameTest, UnknownApiKeyIsAnErrorThatStillNamesTheKey) {
  Writer out;
  out.i16(999);
  out.i16(3);
  out.i32(8);
  Reader in(out.finish()->flatten());
  RequestHeader header;
  EXPECT_EQ(decode_request_header(header, in).error(), WireError::kUnknownKey);
  EXPECT_EQ(header.request_api_key, 999);
  EXPECT_EQ(header.correlation_id, base::CorrelationId(8));
}

TEST(FrameTest, ResponseHeaderComesBack) {
  const auto frame = response_frame(ApiVersionsResponse{}, 4, base::CorrelationId(5));
  ASSERT_TRUE(frame.has_value());
  Reader in(frame->flatten().slice(4));
  EXPECT_EQ(decode_response_header(ApiKey::kApiVersions, 4, in), base::CorrelationId(5));
  ApiVersionsResponse response;
  EXPECT_TRUE(decode(response, 4, in).has_value());
  EXPECT_TRUE(in.done().has_value());
}

TEST(FrameTest, RecordsTravelWithoutACopy) {
  const auto batch = base::SharedBytes::copy_of(std::string(100'000, 'r'));
  ProduceRequest request;
  request.topic_data.push_back(
      {.name = base::TopicName("t"),
       .partition_data = {{.index = base::PartitionIndex(0), .records = base::ByteChain(batch)}}});
  const auto frame = request_frame(request, 9, base::CorrelationId(1), "p");
  ASSERT_TRUE(frame.has_value());
  bool shared = false;
  for (const auto& part : frame->parts()) shared |= part.data() == batch.data();
  EXPECT_TRUE(shared);

  const auto received = frame->flatten();
  Reader in(received.slice(4));
  RequestHeader header;
  ASSERT_TRUE(decode_request_header(header, in).has_value());
  ProduceRequest decoded_request;
  ASSERT_TRUE(decode(decoded_request, 9, in).has_value());
  const auto& records = decoded_request.topic_data.at(0).partition_data.at(0).records;
  ASSERT_TRUE(records.has_value());
  const std::byte* data = records->parts().at(0).data();
  EXPECT_GE(data, received.data());
  EXPECT_LT(data, received.data() + received.size());
  EXPECT_EQ(*records, base::ByteChain(batch));
}

TEST(FrameTest, VersionThatTheMessageHasNot) {
  EXPECT_EQ(request_frame(FetchRequest{}, 99, base::CorrelationId(0), "c").error(),
            WireError::kUnsupportedVersion);
  Reader in(base::SharedBytes::copy_of(std::string(100, '\0')));
  FetchRequest request;
  EXPECT_EQ(decode(request, 3, in).error(), WireError::kUnsupportedVersion);
}

}  // namespace
}  // namespace moldau::wire
