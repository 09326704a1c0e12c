#include <benchmark/benchmark.h>

#include <filesystem>

#include "storage/memory.h"
#include "storage/rocksdb/store.h"
#include "vault/vault.h"

namespace holdfast::vault {
namespace {

constexpr Retention kRetention{1, std::chrono::hours(24)};

/// A vault in a folder that goes with it; engine 0: memory, 1: RocksDB.
struct Bench {
  explicit Bench(std::int64_t engine) {
    std::string pattern = std::filesystem::temp_directory_path() / "holdfast-bench-XXXXXX";
    HF_ASSERT(mkdtemp(pattern.data()) != nullptr);
    folder = pattern;
    roots = std::move(*FileRootKeys::create(folder + "/root.keys"));
    store = engine == 0 ? storage::open_memory() : std::move(*storage::open_rocksdb(folder + "/data"));
    vault = std::move(*Vault::create(*store, *roots, clock));
  }
  ~Bench() {
    vault.reset();
    store.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  std::string folder;
  SystemClock clock;
  std::unique_ptr<FileRootKeys> roots;
  std::unique_ptr<storage::Store> store;
  std::unique_ptr<Vault> vault;
};

Record profile() {
  Record out;
  for (FieldTag tag = 1; tag <= 8; ++tag) out.set(tag, "a value of some length " + std::to_string(tag));
  return out;
}

/// Views as a log gives them: a running number, an item, a time, a duration. One subject's share of a batch.
std::vector<Row> views(std::uint64_t& number, int count) {
  std::vector<Row> out;
  for (int i = 0; i < count; ++i, ++number) {
    Record record;
    record.set(1, "item" + std::to_string(number % 5000));
    record.set(2, Bytes(8, '\x11'));
    record.set(3, std::to_string(number % 300));
    out.push_back({std::to_string(number), std::move(record)});
  }
  return out;
}

void append_rows(benchmark::State& state) {
  Bench bench(state.range(0));
  constexpr int kSubjects = 300, kRowsEach = 30;
  std::vector<std::string> names;
  for (int i = 0; i < kSubjects; ++i) names.push_back("subject-" + std::to_string(i));
  const std::vector<std::string_view> ids(names.begin(), names.end());
  std::uint64_t number = 1;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<std::vector<Row>> shares;
    for (int i = 0; i < kSubjects; ++i) shares.push_back(views(number, kRowsEach));
    state.ResumeTiming();
    std::vector<Draft> drafts;
    auto subjects = bench.vault->open_or_create(ids);
    for (int i = 0; i < kSubjects; ++i) {
      auto draft = bench.vault->begin(std::move(*subjects[static_cast<std::size_t>(i)]));
      HF_ASSERT(bench.vault->append(*draft, kRetention, shares[static_cast<std::size_t>(i)]));
      drafts.push_back(std::move(*draft));
    }
    for (const auto& done : bench.vault->commit(std::move(drafts))) HF_ASSERT(done);
  }
  state.SetItemsProcessed(state.iterations() * kSubjects * kRowsEach);
}
BENCHMARK(append_rows)->ArgName("rocksdb")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);

void open_and_read_profile(benchmark::State& state) {
  Bench bench(state.range(0));
  constexpr int kSubjects = 3000;
  std::vector<Draft> drafts;
  for (int i = 0; i < kSubjects; ++i) {
    auto draft = bench.vault->begin(std::move(*bench.vault->open_or_create("subject-" + std::to_string(i))));
    HF_ASSERT(bench.vault->put(*draft, kRetention, profile()));
    drafts.push_back(std::move(*draft));
  }
  for (const auto& done : bench.vault->commit(std::move(drafts))) HF_ASSERT(done);
  int i = 0;
  for (auto _ : state) {
    const auto subject = bench.vault->open("subject-" + std::to_string(i++ % kSubjects));
    benchmark::DoNotOptimize(bench.vault->read(*subject, kRetention));
  }
}
BENCHMARK(open_and_read_profile)->ArgName("rocksdb")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

void read_thousand_rows(benchmark::State& state) {
  Bench bench(state.range(0));
  std::uint64_t number = 1;
  auto draft = bench.vault->begin(std::move(*bench.vault->open_or_create("ada")));
  HF_ASSERT(bench.vault->append(*draft, kRetention, views(number, 1000)));
  HF_ASSERT(bench.vault->commit(std::move(*draft)));
  const auto subject = bench.vault->open("ada");
  for (auto _ : state) {
    std::size_t bytes = 0;
    HF_ASSERT(bench.vault->read_rows(*subject, kRetention,
                                     [&](const StoredRow& row) { return bytes += row.key.size(), true; }));
    benchmark::DoNotOptimize(bytes);
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(read_thousand_rows)->ArgName("rocksdb")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace holdfast::vault
