#include "sealed/worker/jail.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>

namespace holdfast::sealed::worker {
namespace {

constexpr unsigned kNobody = 65534;

bool write_text(const char* path, const char* text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const auto bytes = static_cast<ssize_t>(std::strlen(text));
  const bool written = ::write(fd, text, static_cast<std::size_t>(bytes)) == bytes;
  ::close(fd);
  return written;
}

/// A trustee that runs as root has a worker that does not, outside its namespaces either.
void leave_root() {
  if (::geteuid() != 0) return;
  if (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
      ::setresuid(kNobody, kNobody, kNobody) != 0) {
    ::_exit(2);
  }
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // or the maps below belong to root
}

bool enter_user_namespace() {
  const unsigned user = ::geteuid(), group = ::getegid();
  if (::unshare(CLONE_NEWUSER) != 0) return false;
  char map[64];
  std::snprintf(map, sizeof map, "%u %u 1", kNobody, user);
  if (!write_text("/proc/self/setgroups", "deny") || !write_text("/proc/self/uid_map", map)) return false;
  std::snprintf(map, sizeof map, "%u %u 1", kNobody, group);
  return write_text("/proc/self/gid_map", map);
}

/// Puts an empty file system in place of everything. pivot_root(2) has the trick with ".".
bool enter_empty_root() {
  constexpr const char* kAnyFolder = "/usr";
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  if (::mount("none", kAnyFolder, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,mode=0555") != 0) {
    return false;
  }
  return ::chdir(kAnyFolder) == 0 && ::syscall(SYS_pivot_root, ".", ".") == 0 && ::umount2(".", MNT_DETACH) == 0 &&
         ::chdir("/") == 0;
}

bool drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  return ::syscall(SYS_capset, &header, none) == 0;
}

/// Handles every right that this kernel knows and grants none, anywhere. Needs no_new_privs.
bool forbid_files() {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return false;
  struct {  // newer than Debian's header
    std::uint64_t files, network, scope;
  } handled{};
  constexpr unsigned kFileRights[] = {13, 14, 15, 15, 16};  // by version
  handled.files = (1ull << kFileRights[version > 5 ? 4 : version - 1]) - 1;
  if (version >= 4) handled.network = 3;  // bind and connect
  if (version >= 6) handled.scope = 3;    // abstract sockets and signals outwards
  const std::size_t bytes = version >= 6 ? 24 : version >= 4 ? 16 : 8;
  const auto ruleset = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &handled, bytes, 0));
  if (ruleset < 0) return false;
  const bool done = ::syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
  ::close(ruleset);
  return done;
}

bool limit(__rlimit_resource resource, std::uint64_t most) {
  const rlimit value{most, most};
  return ::setrlimit(resource, &value) == 0;
}

}  // namespace

void Jail::close_descriptors() {
  for (int fd = 0; fd < ring::kRingFd; ++fd) ::close(fd);
  if (::syscall(SYS_close_range, ring::kControlFd + 1, ~0u, 0) != 0) {
    for (int fd = ring::kControlFd + 1; fd < 65536; ++fd) ::close(fd);
  }
}

void Jail::enter_namespaces() {
  leave_root();
  have(enter_user_namespace(), ring::kUserNamespace);
  have(enter_empty_root(), ring::kMountNamespace);
  have(::unshare(CLONE_NEWNET) == 0, ring::kNetworkNamespace);
  have(::unshare(CLONE_NEWIPC) == 0, ring::kIpcNamespace);
  ::unshare(CLONE_NEWUTS);
  ::unshare(CLONE_NEWCGROUP);
  have(::unshare(CLONE_NEWPID) == 0, ring::kPidNamespace);
  // CLONE_PARENT: a sister of this process and no child, so that the trustee can wait for it.
  const auto pid = static_cast<std::int32_t>(::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0));
  if (pid == 0) return;
  const bool told = pid > 0 && ::write(ring::kControlFd, &pid, sizeof pid) == sizeof pid;
  ::_exit(told ? 0 : 2);
}

void Jail::settle(const ring::Header& header) {
  if (header.core >= 0) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(static_cast<unsigned>(header.core), &cores);
    ::sched_setaffinity(0, sizeof cores, &cores);  // a wish: a machine may have fewer
  }
  have(::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0, ring::kDiesWithParent);
  have(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && limit(RLIMIT_CORE, 0), ring::kNoCoreFiles);
  have(limit(RLIMIT_DATA, header.process_bytes_max) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_MEMLOCK, 0),
       ring::kMemoryLimit);
  have(drop_capabilities() && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, ring::kNoNewPrivileges);
  have(forbid_files(), ring::kLandlock);
}

void Jail::close_for_good() {
  have(limit(RLIMIT_NOFILE, 0), ring::kNoDescriptors);
  have(install_seccomp(), ring::kSeccomp);
}

}  // namespace holdfast::sealed::worker
