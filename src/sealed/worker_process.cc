#include "sealed/worker_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <utility>

#include "sealed/ring/layout.h"

namespace holdfast::sealed {
namespace {

constexpr const char* kProgramName = "holdfast-sealed-worker";
constexpr timeval kSendTimeout{10, 0};
constexpr int kAboveWorkersFds = 10;

tl::unexpected<Error> not_started(const std::string& why) {
  return fail(Code::unavailable, "sealed.worker.start", "", "a worker for sealed modules does not start: " + why);
}

std::string errno_text() { return std::strerror(errno); }

/// Descriptors that are closed at the end of the block, whatever happens.
struct Fd {
  int fd = -1;
  explicit Fd(int opened) : fd(opened) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd >= 0) ::close(fd);
  }
};

/// With no environment, no signals blocked or ignored, and nothing open that is not meant for it (the worker closes
/// what is left). Answers the pid, or -1 with errno set.
int spawn(const std::string& program, int ring_fd, int control_fd) {
  const Fd ring(::fcntl(ring_fd, F_DUPFD_CLOEXEC, kAboveWorkersFds));
  const Fd control(::fcntl(control_fd, F_DUPFD_CLOEXEC, kAboveWorkersFds));
  if (ring.fd < 0 || control.fd < 0) return -1;
  posix_spawn_file_actions_t files;
  posix_spawnattr_t how;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, ring.fd, ring::kRingFd);
  ::posix_spawn_file_actions_adddup2(&files, control.fd, ring::kControlFd);
  ::posix_spawnattr_init(&how);
  ::posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&how, &none);
  ::posix_spawnattr_setsigdefault(&how, &all);
  std::string name = program;
  char* const arguments[] = {name.data(), nullptr};
  char* const environment[] = {nullptr};
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, program.c_str(), &files, &how, arguments, environment);
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&how);
  errno = failed;
  return failed == 0 ? pid : -1;
}

}  // namespace

Result<std::string> find_worker_program() {
  std::error_code ignored;
  const auto here = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const auto& place : {here / kProgramName, here.parent_path() / "libexec/holdfast" / kProgramName}) {
    if (std::filesystem::is_regular_file(place, ignored)) return place.string();
  }
  return fail(Code::not_found, "sealed.worker.missing", here.string(),
              std::string(kProgramName) + " is not installed beside holdfast; sealed modules cannot run without it");
}

Result<WorkerProcess> WorkerProcess::start(const std::string& program, int ring_fd) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return not_started(errno_text());
  WorkerProcess out;
  out.control_ = ends[0];
  int first = -1;
  {
    const Fd theirs(ends[1]);
    first = spawn(program, ring_fd, theirs.fd);
    if (first < 0) return not_started(program + ": " + errno_text());
  }
  // The first process makes the namespaces, starts the worker in them, names it to us and goes.
  std::int32_t pid = -1;
  const bool named = ::recv(out.control_, &pid, sizeof pid, MSG_WAITALL) == sizeof pid && pid > 0;
  int status = 0;
  while (::waitpid(first, &status, 0) < 0 && errno == EINTR) {
  }
  if (!named) return not_started(program + " ended before it had begun");
  out.pid_ = pid;
  out.pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (out.pidfd_ < 0) return not_started(errno_text());
  ::shutdown(out.control_, SHUT_RD);
  ::setsockopt(out.control_, SOL_SOCKET, SO_SNDTIMEO, &kSendTimeout, sizeof kSendTimeout);
  return out;
}

WorkerProcess::WorkerProcess(WorkerProcess&& from) noexcept
    : pid_(std::exchange(from.pid_, -1)),
      pidfd_(std::exchange(from.pidfd_, -1)),
      control_(std::exchange(from.control_, -1)) {}

WorkerProcess::~WorkerProcess() {
  end();
  if (control_ >= 0) ::close(control_);
}

Result<void> WorkerProcess::send_module(ByteView module, ByteView context) {
  const ring::ModuleHead head{static_cast<std::uint32_t>(module.size()), static_cast<std::uint32_t>(context.size())};
  for (ByteView part : {ByteView(reinterpret_cast<const char*>(&head), sizeof head), module, context}) {
    while (!part.empty()) {
      const ssize_t sent = ::send(control_, part.data(), part.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return not_started("it does not take its module: " + errno_text());
      part.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  return {};
}

bool WorkerProcess::alive() const {
  pollfd gone{pidfd_, POLLIN, 0};
  return pidfd_ >= 0 && ::poll(&gone, 1, 0) == 0;
}

std::chrono::milliseconds WorkerProcess::cpu_time() const {
  clockid_t clock;
  timespec used{};
  if (pid_ < 0 || ::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return {};
  return std::chrono::milliseconds(used.tv_sec * 1000 + used.tv_nsec / 1'000'000);
}

std::string WorkerProcess::end() {
  if (pidfd_ < 0) return "was not started";
  ::syscall(SYS_pidfd_send_signal, pidfd_, SIGKILL, nullptr, 0);
  siginfo_t how{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_), &how, WEXITED) != 0 && errno == EINTR) {
  }
  ::close(std::exchange(pidfd_, -1));
  pid_ = -1;
  return (how.si_code == CLD_EXITED ? "exited with " : "killed by signal ") + std::to_string(how.si_status);
}

}  // namespace holdfast::sealed
