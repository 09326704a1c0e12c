// Workers that a module has broken out into (worker/hostile.h): what they try stays with them, and the next request is
// answered as if nothing had been.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "sealed/pool_test.h"

namespace holdfast::sealed {
namespace {

using namespace testing;

/// A TCP port on loopback where somebody listens.
class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_TRUE(::bind(fd_, any, bytes) == 0 && ::listen(fd_, 1) == 0 && ::getsockname(fd_, any, &bytes) == 0);
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { ::close(fd_); }
  int port() const { return port_; }

 private:
  int fd_, port_ = 0;
};

class Hostile : public ::testing::Test {
 protected:
  explicit Hostile(const char* program = HOLDFAST_HOSTILE_WORKER, std::uint32_t missing = 0)
      : options_([&] {
          auto out = options_of(program);
          out.required_layers &= ~missing;
          return out;
        }()) {}

  void SetUp() override {
    const auto added = pool_.add(module_, bytes_of(HOLDFAST_PROBE_WASM));
    ASSERT_TRUE(added) << added.error().text();
  }

  void expect_business_as_usual() {
    const auto honest = run(pool_, module_, "ehonest");
    ASSERT_TRUE(honest) << honest.error().text();
    EXPECT_EQ(honest->output, "honest");
  }

  /// The worker is gone, its request failed so, and those that waited behind it were answered by the next worker.
  void expect_lost(const Bytes& attempt, std::string_view slug) {
    SCOPED_TRACE(attempt);
    const auto lost_before = pool_.stats().workers_lost;
    Request request = request_of(attempt);
    request.run_max = std::chrono::milliseconds(200);
    auto hostile = start(pool_, module_, request);
    auto behind = start(pool_, module_, request_of("ebehind"));
    const auto answer = hostile.get();
    ASSERT_FALSE(answer) << "it answered: " << answer->text();
    EXPECT_EQ(answer.error().slug, slug);
    const auto second = behind.get();
    ASSERT_TRUE(second) << second.error().text();
    EXPECT_EQ(second->output, "behind");
    expect_business_as_usual();
    EXPECT_EQ(pool_.stats().workers_lost, lost_before + 1);
  }

  std::int32_t result(const Bytes& attempt) {
    const auto answer = run(pool_, module_, attempt);
    EXPECT_TRUE(answer) << answer.error().text();
    std::int32_t out = -1;
    if (answer && answer->output.size() == sizeof out) std::memcpy(&out, answer->output.data(), sizeof out);
    return out;
  }

  const PoolOptions options_;
  Pool pool_{options_};
  const Hash module_ = name_of('h');
  const std::string us_ = std::to_string(::getpid());
};

TEST_F(Hostile, DiesOfAnyCallThatReachesOut) {
  const Listener listener;
  for (const Bytes& attempt :
       {Bytes("!o"), Bytes("!r"), Bytes("!w"), "!s" + std::to_string(listener.port()), "!k" + us_, "!p" + us_,
        "!v" + us_, Bytes("!l"), Bytes("!f"), Bytes("!e"), Bytes("!c")}) {
    expect_lost(attempt, "sealed.worker.died");
  }
}

TEST_F(Hostile, IsReplacedWhenItWritesWhatCannotBe) {
  for (char lie = '1'; lie <= '9'; ++lie) expect_lost(Bytes("!") + lie, "sealed.worker.lied");
}

TEST_F(Hostile, IsReplacedWhenItDoesNotAnswer) { expect_lost("!n", "sealed.worker.overstayed"); }

TEST_F(Hostile, IsReplacedWhenItCrashes) { expect_lost("!d", "sealed.worker.died"); }

TEST_F(Hostile, IsReplacedWhenItComputesUnasked) {
  EXPECT_EQ(result("!i"), 0);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (pool_.stats().workers_lost == 0 && std::chrono::steady_clock::now() < until) ::usleep(10'000);
  EXPECT_EQ(pool_.stats().workers_lost, 1u);
  expect_business_as_usual();
}

TEST_F(Hostile, FindsNothingOfEarlierRequestsInTheRing) {
  for (std::uint32_t i = 0; i < options_.shape.slots; ++i) ASSERT_TRUE(run(pool_, module_, "eTheSecretOfAnother"));
  EXPECT_EQ(result("!mTheSecretOfAnother"), 0);
}

TEST_F(Hostile, HasNoEffectOnAnotherModule) {
  const Hash other = name_of('o');
  ASSERT_TRUE(pool_.add(other, bytes_of(HOLDFAST_PROBE_WASM)));
  std::vector<std::future<Result<Answer>>> honest;
  for (int i = 0; i < 20; ++i) {
    auto hostile = start(pool_, module_, request_of(i % 2 ? "!d" : "!9"));
    honest.push_back(start(pool_, other, request_of("e" + std::to_string(i))));
    EXPECT_FALSE(hostile.get());
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(honest[static_cast<std::size_t>(i)].get()->output, std::to_string(i));
  EXPECT_EQ(pool_.stats().workers_lost, 20u);
}

/// The same, without seccomp: every other layer has to hold alone.
class Unfiltered : public Hostile {
 protected:
  Unfiltered() : Hostile(HOLDFAST_UNFILTERED_WORKER, ring::kSeccomp) {}

  void SetUp() override {
    const auto layers = probe_jail(HOLDFAST_UNFILTERED_WORKER);
    ASSERT_TRUE(layers) << layers.error().text();
    const std::uint32_t missing = ring::kAllLayers & ~ring::kSeccomp & ~*layers;
    if (missing != 0) GTEST_SKIP() << "this machine does not give: " << layer_names(missing);
    Hostile::SetUp();
  }
};

TEST_F(Unfiltered, FindsNoFiles) {
  EXPECT_THAT(result("!o"), ::testing::AnyOf(ENOENT, EACCES, EMFILE));
  EXPECT_THAT(result("!r"), ::testing::AnyOf(EACCES, EMFILE));
  EXPECT_THAT(result("!w"), ::testing::AnyOf(ENOENT, EROFS, EACCES, EMFILE));
  EXPECT_THAT(result("!e"), ::testing::AnyOf(ENOENT, EACCES));
}

TEST_F(Unfiltered, OpensNoSocket) {
  const Listener listener;
  EXPECT_EQ(result("!s" + std::to_string(listener.port())), EMFILE);
}

TEST_F(Unfiltered, SeesNoOtherProcess) {
  EXPECT_EQ(result("!k" + us_), ESRCH);
  EXPECT_EQ(result("!p" + us_), ESRCH);
  EXPECT_EQ(result("!v" + us_), ESRCH);
}

TEST_F(Unfiltered, GetsNoLimitBack) { EXPECT_EQ(result("!l"), EPERM); }

TEST(Jail, GivesNoModuleToAWorkerWithLessThanRequired) {
  Pool pool(options_of(HOLDFAST_UNFILTERED_WORKER));
  const auto added = pool.add(name_of('m'), bytes_of(HOLDFAST_PROBE_WASM));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().slug, "sealed.jail.weak");
  EXPECT_THAT(added.error().what, ::testing::HasSubstr("seccomp"));
}

TEST(Jail, TellsItsLayers) {
  const auto layers = probe_jail(HOLDFAST_SEALED_WORKER);
  ASSERT_TRUE(layers) << layers.error().text();
  EXPECT_NE(*layers & ring::kSeccomp, 0u) << layer_names(*layers);
  EXPECT_EQ(*probe_jail(HOLDFAST_UNFILTERED_WORKER), *layers & ~ring::kSeccomp);
}

}  // namespace
}  // namespace holdfast::sealed
