#pragma once

// Stores that were killed, or that lie in tables, for the tests of what a start makes of them.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "storage/conformance_test.h"
#include "storage/rocksdb/opened_test.h"

namespace holdfast::storage {

inline Bytes value_of(std::uint64_t n) { return "value " + std::to_string(n) + Bytes(n % 700, 'v'); }

/// In the child: writes without end, and reports each number down the pipe once it was acknowledged.
[[noreturn]] inline void write_until_killed(const std::string& directory, int report) {
  auto store = open_rocksdb(directory);
  if (!store) ::_exit(2);
  const auto token = (*store)->acquire("log", "child", std::chrono::hours(1));
  const auto end = (*store)->end("log");
  if (!token || !end) ::_exit(3);
  for (std::uint64_t n = *end;; ++n) {
    const Blob blob{"blob/" + std::to_string(n), value_of(n)};
    const bool ok = put(**store, Shelf::keys, n, "k", value_of(n)) &&
                    put(**store, Shelf::records, n, "r", value_of(n)) && (*store)->put_blobs({&blob, 1}) &&
                    (*store)->append("log", n, 1, value_of(n), *token);
    if (!ok || ::write(report, &n, sizeof n) != sizeof n) ::_exit(4);
  }
}

/// Starts the child, kills it after `acknowledged` reports, and answers the last number that was reported.
inline std::uint64_t run_and_kill(const std::string& directory, int acknowledged) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    write_until_killed(directory, ends[1]);
  }
  ::close(ends[1]);
  std::uint64_t last = 0;
  for (int i = 0; i < acknowledged; ++i) EXPECT_EQ(::read(ends[0], &last, sizeof last), ssize_t{sizeof last});
  ::kill(child, SIGKILL);
  for (std::uint64_t n; ::read(ends[0], &n, sizeof n) == sizeof n;) last = n;  // reported before the kill struck
  ::close(ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  return last;
}

/// A store whose records lie in a table file, closed.
inline void fill_table(const std::string& directory) {
  auto store = must_open(directory);
  std::vector<LockerChange> changes;
  for (std::uint64_t n = 0; n < 500; ++n) {
    changes.push_back({Shelf::records, locker(n), kAnyVersion, {{"k", value_of(n)}}, {}});
  }
  for (const auto& result : store->apply(changes)) ASSERT_TRUE(result);
  const LockerId none = locker(9999);
  ASSERT_TRUE(store->shred(Shelf::records, {&none, 1}));  // flushes
}

/// The names of a folder's files, in order.
inline std::vector<std::string> files_of(const std::string& part) {
  std::vector<std::string> out;
  for (const auto& file : std::filesystem::directory_iterator(part)) out.push_back(file.path().filename());
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace holdfast::storage
