#include "config/properties.h"

#include <gtest/gtest.h>

namespace moldau::config {
namespace {

std::string get(std::string_view file, std::string_view key) {
  const auto parsed = Properties::parse(file);
  if (!parsed) return "error: " + parsed.error().message;
  const auto value = parsed->get(key);
  return value ? std::string(*value) : "missing";
}

TEST(Properties, SplitsKeyAndValueAsJavaDoes) {
  EXPECT_EQ(get("a=1", "a"), "1");
  EXPECT_EQ(get("a:1", "a"), "1");
  EXPECT_EQ(get("a 1", "a"), "1");
  EXPECT_EQ(get("  a \t=  1 ", "a"), "1 ");
  EXPECT_EQ(get("a==1", "a"), "=1");
  EXPECT_EQ(get("a = = 1", "a"), "= 1");
  EXPECT_EQ(get("a", "a"), "");
  EXPECT_EQ(get("a\\=b=1", "a=b"), "1");
  EXPECT_EQ(get("=1", ""), "1");
}

TEST(Properties, KnowsCommentsAndBlankLines) {
  EXPECT_EQ(get("# a=1\n! a=2\n\n \t\na=3\n#a=4", "a"), "3");
  EXPECT_EQ(get("a=1#2", "a"), "1#2");
}

TEST(Properties, JoinsContinuationLines) {
  EXPECT_EQ(get("a=1,\\\n   2,\\\r\n\t3\nb=4", "a"), "1,2,3");
  EXPECT_EQ(get("a=1\\\\\nb=2", "a"), "1\\");
  EXPECT_EQ(get("a=1\\\n# not a comment", "a"), "1# not a comment");
  EXPECT_EQ(get("a=1\\", "a"), "1");
  EXPECT_EQ(get("# comment \\\na=1", "a"), "1");
}

TEST(Properties, UnderstandsEscapes) {
  EXPECT_EQ(get("a=\\t\\n\\r\\f\\q\\\\", "a"), "\t\n\r\fq\\");
  EXPECT_EQ(get("a=\\u0041\\u00e4\\u20ac", "a"), "A\xC3\xA4\xE2\x82\xAC");
  EXPECT_EQ(get("a=\\ud83d\\ude00", "a"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(get("a=\\ud83dx", "a"), "\xEF\xBF\xBDx");
  EXPECT_EQ(get("a=\xC3\xA4", "a"), "\xC3\xA4");
}

TEST(Properties, NamesTheLineOfABadEscape) {
  const auto parsed = Properties::parse("a=1\n\nb=\\u12x4\n");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().line, 3);
}

TEST(Properties, TheLastDuplicateWinsAndTellsItsLine) {
  const auto parsed = Properties::parse("a=1\nb=2\na=3");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->get("a"), "3");
  EXPECT_EQ(parsed->entries().at("a").line, 3);
  EXPECT_EQ(parsed->size(), 2u);
}

TEST(Properties, RefusesAFileThatIsTooLarge) {
  EXPECT_FALSE(Properties::parse(std::string(kPropertiesBytesMax + 1, '#')));
}

TEST(Properties, WhatIsWrittenIsReadBack) {
  Properties properties;
  const std::pair<const char*, const char*> pairs[] = {
      {"plain", "value"},  {"a key", " two leading  blanks "},
      {"a=b:c", "#x!y=z"}, {"tab\tnewline\n", "\f\r\\"},
      {"empty", ""},       {"", "no key"},
  };
  for (const auto& [key, value] : pairs) properties.set(key, value);
  const std::string text = properties.to_text("first\nline");
  EXPECT_TRUE(text.starts_with("#first line\n"));
  const auto again = Properties::parse(text);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->size(), std::size(pairs));
  for (const auto& [key, value] : pairs) EXPECT_EQ(again->get(key), value);
}

TEST(Properties, SurvivesEveryTruncation) {
  const std::string file = "a=\\u0041\\\n  b\\\\\n#c\nd : e\\t";
  for (std::size_t size = 0; size <= file.size(); ++size) {
    const auto parsed = Properties::parse(file.substr(0, size));
    if (!parsed) {
      EXPECT_EQ(parsed.error().line, 1);
    }
  }
}

}  // namespace
}  // namespace moldau::config
