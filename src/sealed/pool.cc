#include "sealed/pool.h"

#include <algorithm>
#include <mutex>

#include "sealed/crew.h"

namespace holdfast::sealed {
namespace {

constexpr std::chrono::milliseconds kProbeMax{10'000};

constexpr std::pair<std::uint32_t, std::string_view> kLayerNames[] = {
    {ring::kUserNamespace, "user namespace"},
    {ring::kMountNamespace, "mount namespace"},
    {ring::kNetworkNamespace, "network namespace"},
    {ring::kPidNamespace, "PID namespace"},
    {ring::kIpcNamespace, "IPC namespace"},
    {ring::kNoNewPrivileges, "no privileges"},
    {ring::kLandlock, "Landlock"},
    {ring::kSeccomp, "seccomp"},
    {ring::kNoDescriptors, "no descriptors"},
    {ring::kMemoryLimit, "memory limit"},
    {ring::kNoCoreFiles, "no core files"},
    {ring::kDiesWithParent, "death with the trustee"},
};

Error unknown_module() { return {Code::not_found, "sealed.module.unknown", "", "no such module is loaded"}; }

}  // namespace

Pool::Pool(PoolOptions options) : options_(std::move(options)) {}
Pool::~Pool() = default;

Result<void> Pool::add(const Hash& name, Bytes module, Bytes context) {
  std::shared_ptr<Crew> crew;
  {
    const std::unique_lock lock(mutex_);
    if (crews_.contains(name)) {
      return fail(Code::conflict, "sealed.module.known", to_hex(name.view()), "this module is loaded already");
    }
    const auto first_core = static_cast<unsigned>(crews_.size() * options_.workers_per_module);
    crew = std::make_shared<Crew>(options_, std::move(module), std::move(context), first_core);
    crews_.emplace(name, crew);
  }
  auto ready = crew->wait_ready();
  if (!ready) remove(name);
  return ready;
}

void Pool::remove(const Hash& name) {
  std::shared_ptr<Crew> crew;  // ends outside the lock
  const std::unique_lock lock(mutex_);
  if (const auto found = crews_.find(name); found != crews_.end()) {
    crew = std::move(found->second);
    crews_.erase(found);
  }
}

bool Pool::has(const Hash& name) const { return find(name) != nullptr; }

std::shared_ptr<Crew> Pool::find(const Hash& module) const {
  const std::shared_lock lock(mutex_);
  const auto found = crews_.find(module);
  return found == crews_.end() ? nullptr : found->second;
}

void Pool::submit(const Hash& module, Request request, Completion done) {
  std::vector<Job> jobs;
  jobs.push_back({std::move(request), std::move(done)});
  submit(module, std::move(jobs));
}

void Pool::submit(const Hash& module, std::vector<Job> jobs) {
  if (const auto crew = find(module)) return crew->submit(std::move(jobs));
  for (Job& job : jobs) job.done(tl::unexpected<Error>(unknown_module()));
}

PoolStats Pool::stats() const {
  PoolStats out;
  const std::shared_lock lock(mutex_);
  for (const auto& [name, crew] : crews_) crew->add_to(out);
  return out;
}

Result<std::uint32_t> probe_jail(const std::string& program) {
  HF_TRY(auto ring, TrusteeRing::create({1, 4096, 4096, 4096}, {}));
  HF_TRY(const auto process, start_jailed(program, ring, 0, kProbeMax));
  return ring.state().layers;
}

std::string layer_names(std::uint32_t layers) {
  std::string out;
  for (const auto& [layer, name] : kLayerNames) {
    if ((layers & layer) == 0) continue;
    if (!out.empty()) out += ", ";
    out += name;
  }
  return out.empty() ? "nothing" : out;
}

std::uint32_t layer_named(std::string_view wanted) {
  const auto same = [](char a, char b) {
    const auto lower = [](char c) { return c == '-' ? ' ' : c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
    return lower(a) == lower(b);
  };
  for (const auto& [layer, name] : kLayerNames) {
    if (std::equal(name.begin(), name.end(), wanted.begin(), wanted.end(), same)) return layer;
  }
  return 0;
}

}  // namespace holdfast::sealed
