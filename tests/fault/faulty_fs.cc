// Preloaded into the real server: a disk, a clock, a memory and sockets that fail on command.
//
// HOLDFAST_FAULT_CONTROL  a file of kSlots 64-bit numbers, mapped by the campaign too: what to do, at which call.
// HOLDFAST_FAULT_DATA     the data folder; only its files fail.
// HOLDFAST_FAULT_JOURNAL  if set: what was written, made, renamed and removed, and what of it was synced, a line each,
//                         so that a power cut can be played after the process is gone (power.py).
// HOLDFAST_FAULT_SAVED    a folder that keeps, as hard links, what was removed or replaced without a sync since.
//
// The library decides nothing: the campaign chooses by its seed, and here a counter runs down.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <mutex>

namespace {

enum Slot { kArmed, kCall, kCountdown, kAction, kParameter, kFired, kClockMs, kMatched, kLoaded, kSlots };
enum Call : std::int64_t { kWrite = 1, kSync, kRead, kOpen, kReceive, kSend, kRename, kMalloc };
enum Action : std::int64_t {
  kNothing,
  kKillBefore,   ///< SIGKILL before the call
  kKillAfter,    ///< SIGKILL when the call is done, before the caller knows
  kFailOnce,     ///< -1 with errno = parameter, once
  kFailForever,  ///< from this call on, until disarmed
  kDelay,        ///< each such call from here on takes parameter microseconds more
  kTear,         ///< a write puts down parameter thousandths of its bytes, then SIGKILL
};

using Control = std::array<std::atomic<std::int64_t>, kSlots>;
constexpr int kFilesMax = 65536;
enum class Kind : char { other, data, directory, socket };

std::array<std::atomic<Kind>, kFilesMax> kinds;
std::atomic<Control*> control{nullptr};
char data_folder[PATH_MAX];
char saved_folder[PATH_MAX];
int journal = -1;
std::mutex journal_mutex;
std::int64_t journal_lines = 0;

template <class Function>
Function next_of(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}
#define REAL(name) static const auto real = next_of<decltype(&::name)>(#name)

__attribute__((constructor)) void start() {
  const char* path = std::getenv("HOLDFAST_FAULT_CONTROL");
  const char* data = std::getenv("HOLDFAST_FAULT_DATA");
  if (path == nullptr || data == nullptr) return;
  std::snprintf(data_folder, sizeof data_folder, "%s", data);
  const int file = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0));
  if (file < 0) std::abort();
  void* mapped = mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  syscall(SYS_close, file);
  if (mapped == MAP_FAILED) std::abort();
  const char* lines = std::getenv("HOLDFAST_FAULT_JOURNAL");
  const char* saved = std::getenv("HOLDFAST_FAULT_SAVED");
  if (lines != nullptr && saved != nullptr) {
    std::snprintf(saved_folder, sizeof saved_folder, "%s", saved);
    journal = static_cast<int>(syscall(SYS_openat, AT_FDCWD, lines, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (journal < 0) std::abort();
  }
  control = static_cast<Control*>(mapped);
  (*control.load())[kLoaded] = 1;
}

std::int64_t get(Slot slot) {
  Control* there = control.load(std::memory_order_relaxed);
  return there == nullptr ? 0 : (*there)[slot].load(std::memory_order_relaxed);
}

[[noreturn]] void die() {
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

/// The action that this call must suffer: each call counts down once, the one that reaches zero fires.
Action due(Call call) {
  Control* there = control.load(std::memory_order_relaxed);
  if (there == nullptr || get(kArmed) == 0 || get(kCall) != call) return kNothing;
  (*there)[kMatched].fetch_add(1, std::memory_order_relaxed);
  const std::int64_t left = (*there)[kCountdown].fetch_sub(1, std::memory_order_relaxed);
  const auto action = static_cast<Action>(get(kAction));
  const bool goes_on = action == kFailForever || action == kDelay;
  if (left != 1 && !(goes_on && left < 1)) return kNothing;
  (*there)[kFired].fetch_add(1, std::memory_order_relaxed);
  return action;
}

/// What comes before the call: true if the call must fail, with errno set.
bool suffers_before(Action action) {
  if (action == kKillBefore) die();
  if (action == kDelay) {
    const std::int64_t wait = get(kParameter);
    const timespec time{wait / 1'000'000, wait % 1'000'000 * 1000};
    syscall(SYS_nanosleep, &time, nullptr);
  }
  if (action != kFailOnce && action != kFailForever) return false;
  errno = static_cast<int>(get(kParameter));
  return true;
}

void suffers_after(Action action) {
  if (action == kKillAfter) die();
}

Kind kind_of(int file) {
  return file >= 0 && file < kFilesMax ? kinds[static_cast<std::size_t>(file)].load() : Kind::other;
}

void set_kind(int file, Kind kind) {
  if (file >= 0 && file < kFilesMax) kinds[static_cast<std::size_t>(file)] = kind;
}

bool is_data(const char* path) {
  return control.load() != nullptr && std::strncmp(path, data_folder, std::strlen(data_folder)) == 0;
}

/// One line; answers its number. Written at once: it must outlive the process as the page cache would.
__attribute__((format(printf, 1, 2))) std::int64_t note(const char* format, ...) {
  if (journal < 0) return 0;
  char line[3 * PATH_MAX];
  va_list arguments;
  va_start(arguments, format);
  const int length = std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  const std::lock_guard lock(journal_mutex);
  if (syscall(SYS_write, journal, line, length) != length) std::abort();
  return ++journal_lines;
}

std::int64_t lines_now() {
  const std::lock_guard lock(journal_mutex);
  return journal_lines;
}

/// A hard link to what a path names now, so that a power cut can bring it back. "-" if there is nothing.
void save(const char* path, char* name, std::size_t size) {
  static std::atomic<int> count{0};
  std::snprintf(name, size, "%s/%d-%d", saved_folder, getpid(), count.fetch_add(1));
  if (linkat(AT_FDCWD, path, AT_FDCWD, name, 0) != 0) std::snprintf(name, size, "-");
}

long inode_of(int file) {
  struct stat status {};
  return fstat(file, &status) == 0 ? static_cast<long>(status.st_ino) : 0;
}

/// `flags` as open(2)'s.
int opened(int file, const char* path, bool is_new, int flags) {
  if (file < 0) return file;
  set_kind(file, Kind::other);
  if (!is_data(path)) return file;
  struct stat status {};
  if (fstat(file, &status) != 0) return file;
  set_kind(file, S_ISDIR(status.st_mode) ? Kind::directory : Kind::data);
  if (is_new) note("C %ld %s\n", static_cast<long>(status.st_ino), path);
  if (!is_new && (flags & O_ACCMODE) != O_RDONLY) {
    note("L %ld %ld\n", static_cast<long>(status.st_ino), static_cast<long>(status.st_size));
  }
  return file;
}

int open_any(const char* path, int flags, mode_t mode) {
  const bool data = is_data(path);
  if (data && suffers_before(due(kOpen))) return -1;
  const bool is_new = data && (flags & O_CREAT) != 0 && access(path, F_OK) != 0;
  const auto file = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  return opened(file, path, is_new, flags);
}

int sync_any(int file, long call) {
  const Kind kind = kind_of(file);
  if (kind == Kind::other || kind == Kind::socket) return static_cast<int>(syscall(call, file));
  const Action action = due(kSync);
  if (suffers_before(action)) return -1;
  const std::int64_t before = lines_now();  // what is written during the sync may miss it
  const auto result = static_cast<int>(syscall(call, file));
  if (result == 0) note("%c %ld %ld\n", kind == Kind::directory ? 'D' : 'S', inode_of(file), static_cast<long>(before));
  suffers_after(action);
  return result;
}

/// What follows a write that is its own sync: as much of `done` as the caller is told of.
ssize_t sync_written(int file, ssize_t done) {
  const Action action = due(kSync);
  if (suffers_before(action)) return -1;
  note("S %ld %ld\n", inode_of(file), static_cast<long>(lines_now()));
  suffers_after(action);
  return done;
}

/// A write to a file of the data folder, at its end (offset < 0) or at a place.
ssize_t write_data(int file, const void* bytes, std::size_t size, off_t offset) {
  const Action action = due(kWrite);
  if (suffers_before(action)) return -1;
  const int flags = fcntl(file, F_GETFL);
  if (action == kTear) {
    size = size * static_cast<std::size_t>(get(kParameter)) / 1000;
    fcntl(file, F_SETFL, flags & ~O_DIRECT);  // which takes whole blocks only
  }
  off_t at = offset;
  if (at < 0) {
    struct stat status {};
    at = (flags & O_APPEND) != 0 && fstat(file, &status) == 0 ? status.st_size : lseek(file, 0, SEEK_CUR);
  }
  const ssize_t done =
      offset < 0 ? syscall(SYS_write, file, bytes, size) : syscall(SYS_pwrite64, file, bytes, size, offset);
  if (done > 0) note("W %ld %ld %ld\n", inode_of(file), static_cast<long>(at), static_cast<long>(done));
  if (action == kTear) die();
  suffers_after(action);
  return done > 0 && (flags & O_DSYNC) != 0 ? sync_written(file, done) : done;
}

/// A read of data, a receipt or a sending: only what comes before and after, around the call itself.
template <class Doing>
ssize_t around(Call call, Doing&& doing) {
  const Action action = due(call);
  if (suffers_before(action)) return -1;
  const ssize_t result = doing();
  if (result > 0) suffers_after(action);
  return result;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_any(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_any(path, flags, mode);
}

int close(int file) {
  set_kind(file, Kind::other);
  return static_cast<int>(syscall(SYS_close, file));
}

int accept(int file, sockaddr* address, socklen_t* size) {
  const auto taken = static_cast<int>(syscall(SYS_accept, file, address, size));
  set_kind(taken, Kind::socket);
  return taken;
}

int accept4(int file, sockaddr* address, socklen_t* size, int flags) {
  const auto taken = static_cast<int>(syscall(SYS_accept4, file, address, size, flags));
  set_kind(taken, Kind::socket);
  return taken;
}

ssize_t read(int file, void* bytes, std::size_t size) {
  const auto doing = [&] { return syscall(SYS_read, file, bytes, size); };
  const Kind kind = kind_of(file);
  if (kind == Kind::data) return around(kRead, doing);
  if (kind == Kind::socket) return around(kReceive, doing);
  return doing();
}

ssize_t pread(int file, void* bytes, std::size_t size, off_t offset) {
  const auto doing = [&] { return syscall(SYS_pread64, file, bytes, size, offset); };
  return kind_of(file) == Kind::data ? around(kRead, doing) : doing();
}

ssize_t pread64(int file, void* bytes, std::size_t size, off_t offset) { return pread(file, bytes, size, offset); }

ssize_t write(int file, const void* bytes, std::size_t size) {
  const Kind kind = kind_of(file);
  if (kind == Kind::data) return write_data(file, bytes, size, -1);
  const auto doing = [&] { return syscall(SYS_write, file, bytes, size); };
  return kind == Kind::socket ? around(kSend, doing) : doing();
}

ssize_t pwrite(int file, const void* bytes, std::size_t size, off_t offset) {
  if (kind_of(file) == Kind::data) return write_data(file, bytes, size, offset);
  return syscall(SYS_pwrite64, file, bytes, size, offset);
}

ssize_t pwrite64(int file, const void* bytes, std::size_t size, off_t offset) {
  return pwrite(file, bytes, size, offset);
}

ssize_t recv(int file, void* bytes, std::size_t size, int flags) {
  const auto doing = [&] { return syscall(SYS_recvfrom, file, bytes, size, flags, nullptr, nullptr); };
  return kind_of(file) == Kind::socket ? around(kReceive, doing) : doing();
}

ssize_t recvmsg(int file, msghdr* message, int flags) {
  const auto doing = [&] { return syscall(SYS_recvmsg, file, message, flags); };
  return kind_of(file) == Kind::socket ? around(kReceive, doing) : doing();
}

ssize_t send(int file, const void* bytes, std::size_t size, int flags) {
  const auto doing = [&] { return syscall(SYS_sendto, file, bytes, size, flags, nullptr, 0); };
  return kind_of(file) == Kind::socket ? around(kSend, doing) : doing();
}

ssize_t sendmsg(int file, const msghdr* message, int flags) {
  const auto doing = [&] { return syscall(SYS_sendmsg, file, message, flags); };
  return kind_of(file) == Kind::socket ? around(kSend, doing) : doing();
}

int fsync(int file) { return sync_any(file, SYS_fsync); }
int fdatasync(int file) { return sync_any(file, SYS_fdatasync); }

int fallocate(int file, int mode, off_t offset, off_t size) {
  if (kind_of(file) == Kind::data && get(kCall) == kWrite && get(kAction) == kFailForever && get(kFired) > 0) {
    errno = static_cast<int>(get(kParameter));  // a full disk has no room to set aside either
    return -1;
  }
  return static_cast<int>(syscall(SYS_fallocate, file, mode, offset, size));
}

int rename(const char* from, const char* to) {
  if (!is_data(to)) return static_cast<int>(syscall(SYS_rename, from, to));
  const Action action = due(kRename);
  if (suffers_before(action)) return -1;
  // Noted before it happens: a kill between the two would leave a name that no power cut takes back.
  char saved[2 * PATH_MAX] = "-";
  struct stat file {};
  if (journal >= 0 && ::stat(from, &file) == 0) {
    save(to, saved, sizeof saved);
    note("R %s\t%s\t%s\t%lu\n", from, to, saved, static_cast<unsigned long>(file.st_ino));
  }
  const auto result = static_cast<int>(syscall(SYS_rename, from, to));
  suffers_after(action);
  return result;
}

int unlink(const char* path) {
  if (!is_data(path) || journal < 0) return static_cast<int>(syscall(SYS_unlink, path));
  char saved[2 * PATH_MAX] = "-";
  save(path, saved, sizeof saved);
  note("U %s\t%s\n", path, saved);
  return static_cast<int>(syscall(SYS_unlink, path));
}

int clock_gettime(clockid_t clock, timespec* out) {
  REAL(clock_gettime);
  const int result = real(clock, out);
  const std::int64_t ahead = get(kClockMs);
  if (result == 0 && clock == CLOCK_REALTIME && ahead != 0) {
    const std::int64_t now = out->tv_sec * 1000 + out->tv_nsec / 1'000'000 + ahead;
    out->tv_sec = now / 1000;
    out->tv_nsec = now % 1000 * 1'000'000;
  }
  return result;
}

time_t time(time_t* out) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday(timeval* out, void*) {
  timespec now{};
  const int result = clock_gettime(CLOCK_REALTIME, &now);
  *out = {now.tv_sec, now.tv_nsec / 1000};
  return result;
}

void* __libc_malloc(std::size_t size);

void* malloc(std::size_t size) {
  if (size >= 32 && suffers_before(due(kMalloc))) return nullptr;
  return __libc_malloc(size);
}

}  // extern "C"
