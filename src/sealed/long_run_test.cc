#include "sealed/long_run.h"

#include <gmock/gmock.h>

#include <cstring>

#include "sealed/pool_test.h"

namespace holdfast::sealed {
namespace {

using namespace testing;

LongRunOptions options_of_tests() {
  LongRunOptions out;
  out.program = HOLDFAST_SEALED_WORKER;
  out.output_bytes_max = 1u << 16;
  out.worker.memory_bytes_max = 16u << 20;
  out.worker.process_bytes_max = 512u << 20;
  out.required_layers = ring::kSeccomp;
  return out;
}

LongRun started(const LongRunOptions& options = options_of_tests()) {
  auto out = LongRun::start(options, bytes_of(HOLDFAST_PROBE_WASM), "context");
  HF_ASSERT(out);
  return *std::move(out);
}

Result<Answer> run(
    LongRun& run, const std::function<bool()>& go_on = [] { return true; }) {
  Request request = request_of("");
  request.run_max = std::chrono::seconds(20);
  return run.run(request, go_on);
}

std::uint64_t shared_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssShmem:")) return std::stoull(line.substr(9)) * 1024;
  }
  return 0;
}

TEST(LongRun, ReadsPiecesAsOneInputAndThenTheContext) {
  LongRun it = started();
  for (const char* piece : {"e", "hello", ", ", ""}) ASSERT_TRUE(it.append(piece));
  const auto answer = run(it);
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->output, "hello, context");
}

TEST(LongRun, HoldsNothingOfALargeInputHere) {
  LongRun it = started();
  ASSERT_TRUE(it.append("k"));
  std::uint64_t sum = 'k';
  for (const char c : std::string_view("context")) sum += static_cast<unsigned char>(c);
  const std::uint64_t before = shared_bytes();
  Bytes piece(3'000'001, '\1');
  for (int i = 0; i < 30; ++i, sum += piece.size()) ASSERT_TRUE(it.append(piece));
  EXPECT_LT(shared_bytes() - before, 1u << 20);
  const auto answer = run(it);
  ASSERT_TRUE(answer) << answer.error().text();
  ASSERT_EQ(answer->output.size(), 16u) << answer->text();
  std::uint64_t told[2];
  std::memcpy(told, answer->output.data(), sizeof told);
  EXPECT_EQ(told[0], 8 + 30 * piece.size());
  EXPECT_EQ(told[1], sum);
}

TEST(LongRun, SaysWhenThereIsTooMuch) {
  LongRunOptions options = options_of_tests();
  options.input_bytes_max = 100;
  LongRun it = started(options);
  ASSERT_TRUE(it.append(Bytes(60, 'e')));
  const auto large = it.append(Bytes(60, 'e'));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().slug, "sealed.input.large");
}

TEST(LongRun, EndsWhenItIsToStop) {
  LongRun it = started();
  ASSERT_TRUE(it.append("l"));
  int asked = 0;
  const auto stopped = run(it, [&asked] { return ++asked < 3; });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().slug, "sealed.run.stopped");
}

TEST(LongRun, EndsAtItsTime) {
  LongRun it = started();
  ASSERT_TRUE(it.append("l"));
  Request request = request_of("");
  request.run_max = std::chrono::milliseconds(50);
  const auto answer = it.run(request, [] { return true; });
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->text(), "ran out of time");
}

TEST(LongRun, RefusesWhatDoesNotCompile) {
  const auto out = LongRun::start(options_of_tests(), Bytes("\0asm\1\0\0\0\7\7", 10), "");
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().slug, "sealed.module.rejected");
}

}  // namespace
}  // namespace holdfast::sealed
