#include "sealed/worker/hostile.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "sealed/ring/futex.h"

namespace holdfast::sealed::worker {
namespace {

/// A way to be wrong: the ring's insides laid open.
class OpenRing : public ServedRing {
 public:
  explicit OpenRing(const ServedRing& ring) : ServedRing(ring) {}
  std::uint8_t* base() { return base_; }
  std::uint64_t size() const { return ring::ring_bytes(header_->shape); }
  ring::Header& open_header() { return *header_; }
  std::uint32_t taken() const { return taken_; }
  /// Writes the answer without publishing it.
  void put(const ring::ResponseHead& response) {
    std::memcpy(slot() + ring::kResponseOffset, &response, sizeof response);
  }
};

int connect_to(const sockaddr* address, socklen_t bytes, int family) {
  const int fd = ::socket(family, SOCK_STREAM, 0);
  if (fd < 0) return errno;
  return ::connect(fd, address, bytes) == 0 ? 0 : errno;
}

int connect_tcp(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address, AF_INET);
}

int read_process(int pid) {
  char byte;
  iovec here{&byte, 1}, there{reinterpret_cast<void*>(0x400000), 1};
  return ::process_vm_readv(pid, &here, 1, &there, 1, 0) < 0 ? errno : 0;
}

int raise_limit() {
  const rlimit more{64, 64};
  return ::setrlimit(RLIMIT_NOFILE, &more) == 0 ? 0 : errno;
}

/// 0 when it worked, else errno.
int try_out(char what, int argument) {
  const auto told = [](long result) { return result >= 0 ? 0 : errno; };
  switch (what) {
    case 'o':
      return told(::open("/etc/passwd", O_RDONLY));
    case 'r':
      return told(::open("/", O_RDONLY | O_DIRECTORY));
    case 'w':
      return told(::open("/tmp/holdfast-hostile", O_WRONLY | O_CREAT, 0600));
    case 's':
      return connect_tcp(argument);
    case 'k':
      return told(::kill(argument, SIGTERM));
    case 'p':
      return told(::ptrace(PTRACE_ATTACH, argument, 0, 0));
    case 'v':
      return read_process(argument);
    case 'l':
      return raise_limit();
    case 'f':
      return told(::fork());
    case 'e':
      return told(::execl("/bin/true", "true", nullptr));
    case 'c':
      return told(::write(ring::kControlFd, "hello", 5));
    default:
      return EINVAL;
  }
}

[[noreturn]] void spin() {
  for (;;) __builtin_ia32_pause();
}

/// Answers that cannot be.
void lie(OpenRing& ring, char how) {
  ring::ResponseHead head{};
  head.sequence = ring.request().sequence;
  std::uint32_t completed = ring.taken() + 1;
  switch (how) {
    case '1':
      completed = ring.taken() + 1000;
      break;
    case '2':
      completed = ring.taken() - 1;
      break;
    case '3':
      head.sequence += 1;
      break;
    case '4':
      head.output_bytes = ring.request().output_bytes_max + 1;
      break;
    case '5':
      head.log_bytes = 0xffffffff;
      break;
    case '6':
      head.ending = ring::kEndings;
      break;
    case '7':
      head.trap = 1;
      break;
    case '8':
      std::memset(ring.base() + ring::kPageBytes, 0xff, ring.size() - ring::kPageBytes);
      break;
    case '9':
      std::memset(ring.base(), 0xff, ring.size());
      break;
    default:
      break;
  }
  if (how < '8') ring.put(head);
  ring::publish(ring.open_header().completed, completed, ring.open_header().trustee_waits);
  ring::futex_wake(ring.open_header().completed);
  for (;;) ::sched_yield();
}

}  // namespace

bool act_hostile(ServedRing& served) {
  const auto input = served.input();
  if (input.size() < 2 || input[0] != '!') return false;
  const std::string argument(input.begin() + 2, input.end());
  const auto what = static_cast<char>(input[1]);
  OpenRing ring(served);
  if (what >= '1' && what <= '9') lie(ring, what);
  if (what == 'n') spin();  // no answer
  if (what == 'd') ::abort();
  ring::ResponseHead head{};
  head.sequence = served.request().sequence;
  std::int32_t result = 0;
  if (what == 'm') {  // how often does the argument lie in the ring, beside this request?
    const std::string mine(input.begin(), input.end());
    std::memset(const_cast<std::uint8_t*>(input.data()), 0, input.size());
    for (std::size_t at = 0; at + argument.size() <= ring.size(); ++at) {
      result += std::memcmp(ring.base() + at, argument.data(), argument.size()) == 0;
    }
  } else if (what != 'i') {
    result = try_out(what, argument.empty() ? 0 : std::stoi(argument));
  }
  std::memcpy(served.output().data(), &result, sizeof result);
  head.output_bytes = sizeof result;
  served.answer(head);
  if (what == 'i') spin();  // busy with nothing to do
  return true;
}

}  // namespace holdfast::sealed::worker
