#include "trustee/modules/runs.h"

#include <algorithm>

#include "base/hash.h"
#include "base/plain.h"
#include "base/secret.h"

namespace holdfast::trustee {
namespace {

constexpr std::chrono::seconds kFailureKept{5};

constexpr std::string_view kMark = "  | ";
constexpr std::size_t kHashDigits = 12;  ///< enough to find a module in the list of all

/// Nobody sees an answer before its beat, so looking for answers some times within one is enough.
SealedOptions with_collection(SealedOptions options) {
  options.pool.collect_every = std::min(options.beat / 4, std::chrono::microseconds(500));
  return options;
}

}  // namespace

std::string marked_lines(ByteView text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out.append(kMark).append(to_plain(text.substr(0, end), "\t")).append(1, '\n');
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

Hash Loadable::key() const {
  if (!product) return module;
  Bytes index;
  put_u64(index, *product);
  return sha256({module.view(), index});
}

Runs::Runs(SealedOptions options, Reader reader)
    : options_(with_collection(std::move(options))), reader_(std::move(reader)), pool_(options_.pool) {}

Result<void> Runs::load(const Loadable& what) {
  const std::lock_guard turn(turn_);
  return load_in_turn(what);
}

Result<void> Runs::load_in_turn(const Loadable& what) {
  const Hash key = what.key();
  if (pool_.has(key)) return {};
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(failures_, [now](const auto& each) { return each.second.until <= now; });
  if (const auto failed = failures_.find(key); failed != failures_.end()) {
    return tl::unexpected<Error>(failed->second.error);
  }
  auto loaded = [&]() -> Result<void> {
    HF_TRY(Parts parts, reader_(what));
    return pool_.add(key, std::move(parts.module), std::move(parts.context));
  }();
  if (loaded) {
    kept_.push_back(what);
  } else {
    failures_.insert_or_assign(key, Failure{loaded.error(), std::chrono::steady_clock::now() + kFailureKept});
  }
  return loaded;
}

void Runs::keep(const std::function<std::vector<Loadable>()>& in_force) {
  const std::lock_guard turn(turn_);
  const std::vector<Loadable> wanted = in_force();
  // First: while a newer one comes up the older one answers. One that cannot be loaded says so to who asks for it.
  for (const Loadable& each : wanted) (void)load_in_turn(each);
  std::erase_if(kept_, [&](const Loadable& loaded) {
    if (std::find(wanted.begin(), wanted.end(), loaded) != wanted.end()) return false;
    pool_.remove(loaded.key());
    return true;
  });
}

void Runs::note(const std::string& module, const Hash& file, UnixMillis at, const std::string& ending,
                const sealed::Answer& answer) {
  const std::lock_guard lock(log_mutex_);
  std::string& log = logs_[module];
  log += to_rfc3339(at) + " " + to_hex(file.view()).substr(0, kHashDigits) + " " + ending;
  log += answer.log_cut ? ", and what it wrote is cut\n" : "\n";
  log += marked_lines(answer.log);
  if (log.size() <= kLogBytesMax) return;
  const std::size_t from = log.find('\n', log.size() - kLogBytesMax);
  log.erase(0, from == std::string::npos ? log.size() - kLogBytesMax : from + 1);
}

std::string Runs::log(const std::string& module) const {
  const std::lock_guard lock(log_mutex_);
  const auto found = logs_.find(module);
  return found == logs_.end() ? std::string() : found->second;
}

}  // namespace holdfast::trustee
