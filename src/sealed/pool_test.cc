#include "sealed/pool_test.h"

#include <gmock/gmock.h>

#include <cstring>

namespace holdfast::sealed {
namespace {

using namespace testing;

/// A pool with the probe (`testing/probe.c`) loaded.
class PoolRuns : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto added = pool_.add(probe_, bytes_of(HOLDFAST_PROBE_WASM), "context");
    ASSERT_TRUE(added) << added.error().text();
  }

  Answer answer(Bytes input) {
    auto out = run(pool_, probe_, std::move(input));
    EXPECT_TRUE(out) << out.error().text();
    return out ? *out : Answer{};
  }

  PoolOptions options_ = options_of(HOLDFAST_SEALED_WORKER);
  Pool pool_{options_};
  const Hash probe_ = name_of('p');
};

TEST_F(PoolRuns, GivesInputAndThenContext) {
  const Answer echoed = answer("ehello, ");
  EXPECT_TRUE(echoed.good()) << echoed.text();
  EXPECT_EQ(echoed.output, "hello, context");
}

TEST_F(PoolRuns, TellsExitCodes) {
  const Answer gone = answer(Bytes("x\x07", 2));
  EXPECT_EQ(gone.text(), "finished with exit code 7");
  EXPECT_FALSE(gone.good());
}

TEST_F(PoolRuns, EndsEachTrapByItsName) {
  EXPECT_EQ(answer("u").text(), "trapped: unreachable");
  EXPECT_EQ(answer("b").text(), "trapped: out of bounds");
  EXPECT_EQ(answer("d").text(), "trapped: division by zero");
  EXPECT_EQ(answer("r").text(), "recursed too deep");
  EXPECT_EQ(answer("e1").output, "1context");
  EXPECT_EQ(pool_.stats().workers_lost, 0u);
}

TEST_F(PoolRuns, StopsALoopAtItsTimeAndGoesOn) {
  Request request = request_of("l");
  request.run_max = std::chrono::milliseconds(20);
  const auto before = std::chrono::steady_clock::now();
  const auto stopped = start(pool_, probe_, request).get();
  ASSERT_TRUE(stopped) << stopped.error().text();
  EXPECT_EQ(stopped->text(), "ran out of time");
  EXPECT_LT(std::chrono::steady_clock::now() - before, options_.grace + request.run_max);
  EXPECT_EQ(answer("e1").output, "1context");
  EXPECT_EQ(pool_.stats().workers_lost, 0u);
}

TEST_F(PoolRuns, AnswersNothingOfAnOutputFlood) {
  const Answer flood = answer("f");
  EXPECT_EQ(flood.text(), "wrote more than it may");
  EXPECT_EQ(flood.output, "");
}

TEST_F(PoolRuns, KeepsABoundedLog) {
  const Answer noisy = answer("s");
  EXPECT_TRUE(noisy.good());
  EXPECT_EQ(noisy.log.size(), options_.shape.log_bytes_max);
  EXPECT_TRUE(noisy.log.starts_with("noise noise"));
  EXPECT_TRUE(noisy.log_cut);
}

TEST_F(PoolRuns, MemoryEndsAtTheSameSizeEveryTime) {
  const Answer first = answer("m");
  ASSERT_EQ(first.output.size(), 4u);
  std::uint32_t pages;
  std::memcpy(&pages, first.output.data(), 4);
  EXPECT_LE(pages, options_.worker.memory_bytes_max / 65536);
  EXPECT_GT(pages, options_.worker.memory_bytes_max / 65536 / 2);
  for (int i = 0; i < 300; ++i) ASSERT_EQ(answer("m").output, first.output) << "run " << i;
}

TEST_F(PoolRuns, IsRepeatableBitForBit) {
  const Answer first = answer("n"), again = answer("n");
  EXPECT_EQ(first.output, again.output);
  ASSERT_EQ(first.output.size(), 4u + 8 + 64);
  EXPECT_EQ(first.output[0], 1);
  std::uint64_t time;
  std::memcpy(&time, first.output.data() + 4, 8);
  EXPECT_EQ(time, request_of("").time_ns);
  EXPECT_NE(first.output.substr(12, 32), first.output.substr(44, 32));
  Request other = request_of("n");
  other.seed.fill(8);
  EXPECT_NE(start(pool_, probe_, other).get()->output.substr(12), first.output.substr(12));
}

TEST_F(PoolRuns, LeavesNothingForTheNextRun) {
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(answer("w").good());
    ASSERT_EQ(answer("z").output, Bytes(4, '\0'));
  }
}

TEST_F(PoolRuns, AnswersEachOfManyAtOnce) {
  std::vector<std::future<Result<Answer>>> answers;
  for (int i = 0; i < 200; ++i) answers.push_back(start(pool_, probe_, request_of("e" + std::to_string(i))));
  for (int i = 0; i < 200; ++i)
    EXPECT_EQ(answers[static_cast<std::size_t>(i)].get()->output, std::to_string(i) + "context");
}

TEST_F(PoolRuns, RefusesWhatIsTooMuch) {
  EXPECT_EQ(run(pool_, probe_, Bytes(options_.shape.input_bytes_max + 1, 'e')).error().slug,
            "sealed.request.too_large");
  Request much = request_of("e");
  much.output_bytes_max = options_.shape.output_bytes_max + 1;
  EXPECT_EQ(start(pool_, probe_, much).get().error().slug, "sealed.request.too_large");
  EXPECT_EQ(run(pool_, name_of('?'), "e").error().slug, "sealed.module.unknown");
}

TEST_F(PoolRuns, RefusesMoreThanItsQueueHolds) {
  Request slow = request_of("l");
  slow.run_max = std::chrono::milliseconds(100);
  std::vector<std::future<Result<Answer>>> answers;
  for (std::size_t i = 0; i < options_.queue_max + options_.shape.slots + 1; ++i) {
    answers.push_back(start(pool_, probe_, slow));
  }
  EXPECT_EQ(answers.back().get().error().slug, "sealed.queue.full");
  pool_.remove(probe_);
  EXPECT_EQ(answers[answers.size() - 2].get().error().slug, "sealed.pool.stopped");
}

Result<void> add(const Bytes& module) {
  Pool pool(options_of(HOLDFAST_SEALED_WORKER));
  return pool.add(name_of('m'), module);
}

TEST(PoolModules, RefusesWhatDoesNotCompile) {
  const Bytes good = bytes_of(HOLDFAST_PROBE_WASM);
  EXPECT_EQ(add("").error().slug, "sealed.module.rejected");
  EXPECT_EQ(add("not a module").error().slug, "sealed.module.rejected");
  EXPECT_EQ(add(good.substr(0, good.size() / 2)).error().slug, "sealed.module.rejected");
}

Bytes header() { return Bytes("\0asm\1\0\0\0", 8); }

TEST(PoolModules, RefusesAMemoryThatStartsTooLarge) {
  EXPECT_THAT(add(header() + Bytes("\5\4\1\0\x80\x20", 6)).error().what, ::testing::HasSubstr("pages of 64 KiB"));
}

TEST(PoolModules, RefusesSharedMemory) {
  EXPECT_EQ(add(header() + Bytes("\5\4\1\3\1\1", 6)).error().slug, "sealed.module.rejected");
}

TEST(PoolModules, AnEnormousTableIsNoHarm) {
  // One table of 10,000,000 functions, a memory, and a `_start` that does nothing.
  const Bytes module = header() + Bytes("\1\4\1\x60\0\0", 6) + Bytes("\3\2\1\0", 4) +
                       Bytes("\4\7\1\x70\0\x80\xad\xe2\4", 9) + Bytes("\5\3\1\0\1", 5) +
                       Bytes("\7\x13\2\6_start\0\0\6memory\2\0", 21) + Bytes("\xa\4\1\2\0\xb", 6);
  Pool pool(options_of(HOLDFAST_SEALED_WORKER));
  const auto added = pool.add(name_of('t'), module);
  ASSERT_TRUE(added) << added.error().text();
  for (int i = 0; i < 10; ++i) {
    const auto answer = run(pool, name_of('t'), "");
    EXPECT_TRUE(answer ? answer->good() || answer->ending == Ending::engine_refused
                       : answer.error().slug == "sealed.worker.died");
  }
}

TEST(PoolModules, KnowsEachOnce) {
  Pool pool(options_of(HOLDFAST_SEALED_WORKER));
  const Bytes probe = bytes_of(HOLDFAST_PROBE_WASM);
  ASSERT_TRUE(pool.add(name_of('a'), probe, "A"));
  ASSERT_TRUE(pool.add(name_of('b'), probe, "B"));
  EXPECT_EQ(pool.add(name_of('a'), probe).error().slug, "sealed.module.known");
  EXPECT_EQ(run(pool, name_of('a'), "e")->output, "A");
  EXPECT_EQ(run(pool, name_of('b'), "e")->output, "B");
  pool.remove(name_of('a'));
  EXPECT_FALSE(pool.has(name_of('a')));
  EXPECT_EQ(run(pool, name_of('a'), "e").error().slug, "sealed.module.unknown");
}

TEST(PoolModules, SaysWhenItsProgramIsMissing) {
  Pool pool(options_of("/no/such/worker"));
  EXPECT_EQ(pool.add(name_of('a'), "").error().slug, "sealed.worker.start");
}

}  // namespace
}  // namespace holdfast::sealed
