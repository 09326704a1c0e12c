#include "sealed/worker/zeroing.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace holdfast::sealed::worker {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kKeptPagesMax = 1024;
constexpr std::size_t kStretchesMax = 32;  // of pages that are not there: each is a system call

}  // namespace

bool set_to_zero(std::span<std::uint8_t> memory) {
  static std::vector<unsigned char> resident;  // of the one thread that runs modules
  const std::size_t pages = memory.size() / kPageBytes;
  resident.resize(pages);
  const auto give_back = [&](std::size_t from, std::size_t until) {
    return ::madvise(memory.data() + from * kPageBytes, (until - from) * kPageBytes, MADV_DONTNEED) == 0;
  };
  if (::mincore(memory.data(), memory.size(), resident.data()) != 0) return give_back(0, pages);
  const auto is_there = [](unsigned char page) { return (page & 1) != 0; };
  const auto there = static_cast<std::size_t>(std::count_if(resident.begin(), resident.end(), is_there));
  if (there > kKeptPagesMax) return give_back(0, pages);
  // A page that is not there may be swapped out, with all that it holds: so it is given back, too.
  std::size_t stretches = 0;
  for (std::size_t page = 0; page < pages;) {
    const bool kept = is_there(resident[page]);
    std::size_t until = page + 1;
    while (until < pages && is_there(resident[until]) == kept) ++until;
    if (kept) {
      std::memset(memory.data() + page * kPageBytes, 0, (until - page) * kPageBytes);
    } else if (++stretches > kStretchesMax) {
      return give_back(0, pages);
    } else if (!give_back(page, until)) {
      return false;
    }
    page = until;
  }
  return true;
}

}  // namespace holdfast::sealed::worker
