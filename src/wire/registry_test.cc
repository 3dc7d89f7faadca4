#include "wire/registry.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "wire/error_code.h"

namespace moldau::wire {
namespace {

TEST(RegistryTest, ApisAreThoseOfKafka44) {
  EXPECT_EQ(apis().size(), 91U);
  const ApiInfo* fetch = find_api(ApiKey::kFetch);
  ASSERT_NE(fetch, nullptr);
  EXPECT_EQ(fetch->min_version, 4);
  EXPECT_EQ(fetch->max_version, 18);
  EXPECT_TRUE(fetch->on_broker);
  EXPECT_TRUE(fetch->on_controller);
  EXPECT_FALSE(fetch->forwardable);
  EXPECT_TRUE(find_api(ApiKey::kCreateTopics)->forwardable);
  EXPECT_EQ(find_api(ApiKey::kInitProducerId)->stable_version, 5);
  EXPECT_EQ(find_api(ApiKey::kInitProducerId)->max_version, 6);
  EXPECT_EQ(find_api(std::int16_t{4}), nullptr);
  EXPECT_EQ(find_api(std::int16_t{-1}), nullptr);
  EXPECT_EQ(find_api(std::int16_t{500}), nullptr);
  EXPECT_EQ(name(ApiKey::kApiVersions), "ApiVersions");
  EXPECT_EQ(name(static_cast<ApiKey>(500)), "UNKNOWN");
}

TEST(RegistryTest, EveryApiHasRequestAndResponseOfTheSameVersions) {
  for (const ApiInfo& api : apis()) {
    const auto key = static_cast<std::int16_t>(api.key);
    const MessageInfo* request = find_message(MessageKind::kRequest, key);
    const MessageInfo* response = find_message(MessageKind::kResponse, key);
    ASSERT_NE(request, nullptr) << api.name;
    ASSERT_NE(response, nullptr) << api.name;
    EXPECT_EQ(request->name, std::string(api.name) + "Request");
    EXPECT_EQ(request->min_version, response->min_version) << api.name;
    EXPECT_EQ(request->max_version, response->max_version) << api.name;
    EXPECT_EQ(request->first_flexible, response->first_flexible) << api.name;
  }
}

TEST(RegistryTest, MessagesHaveUniqueNamesAndKeys) {
  std::set<std::string_view> names;
  std::set<std::pair<MessageKind, std::int16_t>> keys;
  for (const MessageInfo& info : messages()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    if (info.key >= 0) EXPECT_TRUE(keys.emplace(info.kind, info.key).second) << info.name;
    EXPECT_LE(info.min_version, info.stable_version);
    EXPECT_LE(info.stable_version, info.max_version);
    EXPECT_EQ(find_message(info.name), &info);
  }
  EXPECT_EQ(find_message("NoSuchMessage"), nullptr);
}

TEST(ErrorCodeTest, NamesNumbersAndRetries) {
  EXPECT_EQ(name(ErrorCode::kNone), "NONE");
  EXPECT_EQ(name(ErrorCode::kUnknownServerError), "UNKNOWN_SERVER_ERROR");
  EXPECT_EQ(name(static_cast<ErrorCode>(136)), "CONTROLLER_ID_NOT_REGISTERED");
  EXPECT_EQ(name(static_cast<ErrorCode>(137)), "UNKNOWN");
  EXPECT_EQ(to_string(static_cast<ErrorCode>(999)), "error 999");
  EXPECT_EQ(to_string(static_cast<ErrorCode>(-2)), "error -2");
  EXPECT_TRUE(is_retriable(ErrorCode::kNotLeaderOrFollower));
  EXPECT_FALSE(is_retriable(ErrorCode::kInvalidRequest));
}

}  // namespace
}  // namespace moldau::wire
