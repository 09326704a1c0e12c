#include "base/secret.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include <cstring>

namespace holdfast {

void wipe(void* data, std::size_t size) { sodium_memzero(data, size); }

bool equal_in_constant_time(ByteView a, ByteView b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

void random_bytes(void* out, std::size_t size) { randombytes_buf(out, size); }

Bytes random_bytes(std::size_t size) {
  Bytes out(size, '\0');
  random_bytes(out.data(), size);
  return out;
}

Key256::Key256(Key256&& other) noexcept {
  std::memcpy(bytes_, other.bytes_, kSize);
  wipe(other.bytes_, kSize);
}

Key256& Key256::operator=(Key256&& other) noexcept {
  if (this != &other) {
    std::memcpy(bytes_, other.bytes_, kSize);
    wipe(other.bytes_, kSize);
  }
  return *this;
}

Key256::~Key256() { wipe(bytes_, kSize); }

Key256 Key256::random() {
  Key256 out;
  random_bytes(out.bytes_, kSize);
  return out;
}

Result<Key256> Key256::from(ByteView raw) {
  if (raw.size() != kSize) return fail(Code::invalid, "key.size", "", "a key is 32 bytes");
  Key256 out;
  std::memcpy(out.bytes_, raw.data(), kSize);
  return out;
}

Key256 Key256::copy() const {
  Key256 out;
  std::memcpy(out.bytes_, bytes_, kSize);
  return out;
}

Result<void> harden_process() {
  const rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0) {
    return fail(Code::unavailable, "process.core", "", "core files could not be switched off; start with ulimit -c 0");
  }
  // Without swap there is nothing to lock against.
  struct sysinfo machine {};
  if (sysinfo(&machine) == 0 && machine.totalswap == 0) return {};
  // A lock on everything would make later allocations fail under a finite limit, so it is taken only without one.
  rlimit locked{};
  getrlimit(RLIMIT_MEMLOCK, &locked);
  if (locked.rlim_cur != RLIM_INFINITY || mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
    return fail(Code::unavailable, "process.swap", "",
                "memory is not locked, so keys could reach swap; raise RLIMIT_MEMLOCK to unlimited or turn swap off");
  }
  return {};
}

}  // namespace holdfast
