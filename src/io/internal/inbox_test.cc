#include "io/internal/inbox.h"

#include <gtest/gtest.h>

namespace moldau::io::internal {
namespace {

struct Nothing : rt::Job {
  Nothing() : Job([](rt::Job&) {}) {}
};

TEST(JobQueue, IsFirstInFirstOutAndForgetsWhatIsRemoved) {
  JobQueue queue;
  Nothing jobs[4];
  for (Nothing& job : jobs) queue.push(job);
  EXPECT_TRUE(queue.remove(jobs[0]));
  EXPECT_TRUE(queue.remove(jobs[3]));
  EXPECT_FALSE(queue.remove(jobs[3]));
  EXPECT_EQ(queue.pop(), &jobs[1]);
  queue.push(jobs[0]);
  EXPECT_EQ(queue.pop(), &jobs[2]);
  EXPECT_EQ(queue.pop(), &jobs[0]);
  EXPECT_EQ(queue.pop(), nullptr);
  EXPECT_TRUE(queue.empty());
}

TEST(Inbox, KeepsTheOrderOfAPoster) {
  Inbox inbox;
  JobQueue queue;
  Nothing jobs[3];
  for (Nothing& job : jobs) EXPECT_FALSE(inbox.push(job));
  EXPECT_EQ(inbox.drain(queue), 3U);
  for (Nothing& job : jobs) EXPECT_EQ(queue.pop(), &job);
  EXPECT_EQ(inbox.drain(queue), 0U);
}

TEST(Inbox, OnlyTheFirstPosterWakesASleeper) {
  Inbox inbox;
  JobQueue queue;
  Nothing jobs[3];
  EXPECT_TRUE(inbox.prepare_sleep());
  EXPECT_TRUE(inbox.prepare_sleep());
  EXPECT_TRUE(inbox.push(jobs[0]));
  EXPECT_FALSE(inbox.push(jobs[1]));
  EXPECT_FALSE(inbox.prepare_sleep());
  EXPECT_EQ(inbox.drain(queue), 2U);
  // Awake: nobody needs to wake it.
  EXPECT_FALSE(inbox.push(jobs[2]));
  EXPECT_EQ(inbox.drain(queue), 1U);
  EXPECT_TRUE(inbox.prepare_sleep());
  EXPECT_EQ(inbox.drain(queue), 0U);
}

}  // namespace
}  // namespace moldau::io::internal
