#include "cli/commands/allocator.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/file.h"

namespace holdfast::cli {
namespace {

constexpr const char* kTunables = "GLIBC_TUNABLES";
constexpr const char* kHugePages = "glibc.malloc.hugetlb=1";
constexpr std::size_t kCommandLineMax = 4u << 20;

}  // namespace

void use_huge_pages() {
  if (const char* const present = std::getenv(kTunables)) {
    // Ours have done what they are for; no child shall have them.
    if (std::string_view(present) == kHugePages) ::unsetenv(kTunables);
    return;
  }
  std::error_code unknown;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", unknown);
  auto line = read_file("/proc/self/cmdline", kCommandLineMax);
  if (unknown || !line || line->find('\0') == std::string::npos || ::setenv(kTunables, kHugePages, 1) != 0) return;
  std::vector<char*> arguments;
  for (std::size_t at = 0, end = 0; (end = line->find('\0', at)) != std::string::npos; at = end + 1) {
    arguments.push_back(line->data() + at);
  }
  arguments.push_back(nullptr);
  ::execv(program.c_str(), arguments.data());
  ::unsetenv(kTunables);
}

void bound_arenas(unsigned threads) {
  const unsigned serving = threads != 0 ? threads : std::max(1u, std::thread::hardware_concurrency());
  ::mallopt(M_ARENA_MAX, static_cast<int>(serving));
}

}  // namespace holdfast::cli
