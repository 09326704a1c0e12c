// holdfast import
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

#include "agreement/agreement.h"
#include "base/hash.h"
#include "base/near.h"
#include "base/plain.h"
#include "base/secret.h"
#include "cli/commands/groups.h"
#include "cli/frame/client.h"
#include "cli/frame/command.h"
#include "cli/frame/progress.h"
#include "cli/table/chunks.h"
#include "cli/workdir/certificates.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kShownProblems = 20;
constexpr std::size_t kKeptProblems = 100'000;
constexpr unsigned kAttempts = 5;

struct Options {
  std::string collection, file, format, rejects;
  MappingOptions mapping;
  ClientOptions client;
};

/// What the import came to.
struct Sum {
  std::uint64_t rows = 0, accepted = 0, unchanged = 0, rejected = 0;
  ReadSummary read;                  ///< empty when the server broke off
  std::vector<RowProblem> problems;  ///< the first kKeptProblems

  void add(RowProblem problem) {
    if (problems.size() < kKeptProblems) problems.push_back(std::move(problem));
  }
};

/// Between the thread that reads the file and those that talk to the server: one chunk that waits, no more.
class Queue {
 public:
  bool put(Chunk&& chunk) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return chunks_.empty() || stopped_; });
    if (stopped_) return false;
    chunks_.push_back(std::move(chunk));
    changed_.notify_all();
    return true;
  }
  void end() { set(ended_); }
  void stop() { set(stopped_); }
  std::optional<Chunk> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !chunks_.empty() || ended_; });
    if (chunks_.empty()) return std::nullopt;
    Chunk chunk = std::move(chunks_.front());
    chunks_.pop_front();
    changed_.notify_all();
    return chunk;
  }

 private:
  void set(bool& flag) {
    const std::lock_guard lock(mutex_);
    flag = true;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Chunk> chunks_;
  bool ended_ = false, stopped_ = false;
};

/// The server's answer for one chunk, its lines told as rows of the file.
Result<void> add_answer(const Chunk& chunk, const std::string& body, Sum& sum) {
  boost::system::error_code wrong;
  const json::value parsed = json::parse(body, wrong);
  const json::object* object = wrong ? nullptr : parsed.if_object();
  const auto number = [](const json::object& from, std::string_view name) -> std::uint64_t {
    const json::value* value = from.if_contains(name);
    return value && value->is_int64() && value->get_int64() >= 0 ? static_cast<std::uint64_t>(value->get_int64()) : 0;
  };
  const auto text = [](const json::object& from, std::string_view name) -> std::string {
    const json::value* value = from.if_contains(name);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
  };
  if (!object) {
    return fail(Code::corrupt, "cli.import.answer", "", "the server's answer is not JSON; is this a Holdfast server?");
  }
  sum.accepted += number(*object, "accepted");
  sum.unchanged += number(*object, "unchanged");
  sum.rejected += number(*object, "rejected");
  const json::value* errors = object->if_contains("errors");
  if (!errors || !errors->is_array()) return {};
  for (const json::value& each : errors->get_array()) {
    const json::object* error = each.if_object();
    if (!error) continue;
    sum.add(
        {chunk.row_of(number(*error, "line")), text(*error, "field"), text(*error, "code"), text(*error, "detail")});
  }
  return {};
}

/// Lets one chunk after the other into custody, while the next is on its way: of two rows with the same key the later
/// one counts, and rows of one person are taken up fastest in their order.
class Turns {
 public:
  /// Until every chunk before `number` was answered. An Error once one of them was not taken.
  Result<void> wait(std::uint64_t number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return next_ == number || !outcome_; });
    return outcome_;
  }
  /// Chunk `number` was answered, or had nothing to send. False once one was not taken.
  bool end(std::uint64_t number, const Result<void>& taken) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return next_ == number || !outcome_; });
    if (!taken && outcome_) outcome_ = taken;
    next_ = number + 1;
    changed_.notify_all();
    return outcome_.has_value();
  }
  Result<void> outcome() const {
    const std::lock_guard lock(mutex_);
    return outcome_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t next_ = 0;
  Result<void> outcome_;
};

/// Sends chunks, each again under the same key while the server is away or when another agreement came into force: what
/// it has taken already it knows.
class Uploader {
 public:
  explicit Uploader(const Options& options)
      : run_(to_hex(random_bytes(16))),
        path_(fmt::format("/v1/collections/{}/import", percent_encode(options.collection))) {}

  /// Thread-safe, with a client each. The chunk's last byte, and with it the whole, goes out when its turn has come.
  /// Answers what the server said.
  Result<std::string> send(Client& client, const Chunk& chunk, Turns& turns) const {
    // Names this run, not the file: importing it again another day, after an erasure say, is another deposit, and rows
    // that are there already are recognised by their content.
    const fetch::Headers headers{
        {"Content-Type", chunk.format == Chunk::Format::csv ? "text/csv" : "application/x-ndjson"},
        {"Idempotency-Key", fmt::format("{}-{}", run_, chunk.number)}};
    for (unsigned attempt = 1;; ++attempt) {
      std::string_view rest(chunk.body);
      const auto source = [&](char* out, std::size_t size) -> Result<std::size_t> {
        if (rest.size() == 1) HF_CHECK(turns.wait(chunk.number));
        const std::size_t count = rest.copy(out, rest.size() > 1 ? std::min(size, rest.size() - 1) : size);
        rest.remove_prefix(count);
        return count;
      };
      auto answer = client.upload("POST", path_, source, headers);
      if (answer) return std::move(answer->body);
      HF_CHECK(turns.wait(chunk.number));
      // Another agreement came into force meanwhile: the rest is judged by that one.
      const bool overtaken = answer.error().slug == "agreement.version.stale";
      const bool again = (overtaken || answer.error().code == Code::unavailable) && attempt < kAttempts;
      if (!again) return tl::unexpected(answer.error());
      if (overtaken) continue;
      std::this_thread::sleep_for(std::chrono::seconds(std::max(answer.error().retry_after_s, 1 << (attempt - 1))));
    }
  }

 private:
  const std::string run_, path_;
};

Result<agreement::Collection> find_collection(Client& client, const std::string& name) {
  HF_TRY(const auto answer, client.call("GET", "/v1/agreement"));
  HF_TRY(const Note note, Note::parse(answer.body));
  const agreement::PackReader packs = [&client](const agreement::PackReference& pack) -> Result<std::string> {
    HF_TRY(auto rules, client.call("GET", "/log/agreement/" + (pack.hash ? to_hex(pack.hash->view()) : "")));
    return std::move(rules.body);
  };
  HF_TRY(const agreement::PlanPtr plan, agreement::compile(note.text, packs));
  if (const auto index = plan->find_collection(name)) return plan->collections[*index];
  std::vector<std::string_view> names;
  for (const auto& each : plan->collections) names.push_back(each.name);
  return fail(Code::not_found, "cli.import.collection", name,
              fmt::format("the agreement in force has no such collection{}; it has {}", did_you_mean(name, names),
                          fmt::join(names, ", ")));
}

/// `sum` tells also of an error how far it came.
Result<void> transfer(const Options& options, bool csv, const agreement::Collection& collection,
                      std::span<Client, 2> clients, const Uploader& uploader, Sum& sum) {
  Queue queue;
  Result<ReadSummary> read;
  std::jthread reader([&] {
    const auto take = [&](Chunk&& chunk) { return queue.put(std::move(chunk)); };
    read =
        csv ? read_csv_chunks(options.file, collection, options.mapping, take) : read_ndjson_chunks(options.file, take);
    queue.end();
  });
  std::error_code ignored;
  const std::uintmax_t size = std::filesystem::file_size(options.file, ignored);
  Progress progress(options.collection, "rows", ignored ? std::nullopt : std::optional(size));
  Turns turns;
  std::mutex counting;
  const auto count = [&](Chunk& chunk, const std::string& answer) -> Result<void> {
    const std::lock_guard lock(counting);
    sum.rejected += chunk.problems.size();
    sum.rows += chunk.rows.size() + chunk.problems.size();
    for (RowProblem& problem : chunk.problems) sum.add(std::move(problem));
    progress.update(chunk.file_bytes, sum.rows);
    return answer.empty() ? Result<void>() : add_answer(chunk, answer, sum);
  };
  const auto send_chunks = [&](Client& client) {
    while (auto chunk = queue.take()) {
      auto answer = chunk->rows.empty() ? Result<std::string>() : uploader.send(client, *chunk, turns);
      const Result<void> taken = answer ? count(*chunk, *answer) : tl::unexpected(std::move(answer).error());
      if (!turns.end(chunk->number, taken)) break;
    }
    queue.stop();
  };
  {
    const std::jthread second([&] { send_chunks(clients[1]); });
    send_chunks(clients[0]);
  }
  queue.stop();
  reader.join();
  HF_CHECK(turns.outcome());
  HF_TRY(sum.read, std::move(read));
  if (sum.read.broken) return tl::unexpected<Error>(*sum.read.broken);
  return {};
}

json::object to_json(const RowProblem& problem) {
  return {{"row", problem.row}, {"field", problem.field}, {"code", problem.code}, {"detail", problem.detail}};
}

Result<void> write_rejects(const std::string& path, const Sum& sum) {
  std::string out;
  for (const RowProblem& problem : sum.problems) out += json::serialize(to_json(problem)) + "\n";
  auto written = write_output(path, out);
  if (written) return written;
  Error error = std::move(written).error();
  error.what +=
      "; to have all reasons, import the file again with another --rejects: rows that are there stay as they are";
  return tl::unexpected(std::move(error));
}

std::vector<std::string> warnings_of(const ReadSummary& read) {
  std::vector<std::string> out;
  for (const auto& [field, count] : read.damaged) {
    out.push_back(
        fmt::format("{}: {} in the form 5.5E+15, which is what a spreadsheet leaves of a long number; "
                    "deposited as it stands",
                    field, with_commas(count)));
  }
  return out;
}

void tell(const Options& options, const Sum& sum, double seconds) {
  for (std::size_t i = 0; i < std::min(kShownProblems, sum.problems.size()); ++i) {
    const RowProblem& problem = sum.problems[i];
    fmt::print(stderr, "row {}: {}{}{} [{}]\n", problem.row, problem.field, problem.field.empty() ? "" : ": ",
               problem.detail, problem.code);
  }
  if (sum.rejected > kShownProblems) {
    fmt::print(stderr, "… and {} more{}\n", with_commas(sum.rejected - kShownProblems),
               options.rejects.empty() ? "; --rejects FILE writes them down" : "");
  }
  for (const std::string& warning : warnings_of(sum.read)) print_warning(warning);
  if (!sum.read.left_out.empty()) {
    fmt::print(stderr, "columns left out: {}\n", fmt::join(sum.read.left_out, ", "));
  }
  print_line(
      fmt::format("{}: {} in {:.1f} s ({}/s): {} accepted, {} there already, {} rejected", options.collection,
                  counted(sum.rows, "row", "rows"), seconds,
                  with_commas(static_cast<std::uint64_t>(static_cast<double>(sum.rows) / std::max(seconds, 0.001))),
                  with_commas(sum.accepted), with_commas(sum.unchanged), with_commas(sum.rejected)));
}

void tell_json(const Sum& sum, double seconds) {
  json::array problems;
  for (std::size_t i = 0; i < std::min(kShownProblems, sum.problems.size()); ++i) {
    problems.push_back(to_json(sum.problems[i]));
  }
  print_json(json::object{{"rows", sum.rows},
                          {"accepted", sum.accepted},
                          {"unchanged", sum.unchanged},
                          {"rejected", sum.rejected},
                          {"seconds", seconds},
                          {"warnings", json::value_from(warnings_of(sum.read))},
                          {"damaged", json::value_from(sum.read.damaged)},
                          {"columns_left_out", json::value_from(sum.read.left_out)},
                          {"errors", std::move(problems)}});
}

constexpr std::string_view kStandardInput = "/dev/stdin";

/// Better told before anything is asked of the server.
Result<void> require_file(const Options& options) {
  const std::string& path = options.file;
  if (path == kStandardInput && options.format.empty()) {
    return fail(Code::invalid, "cli.import.format", path,
                "it has no name that tells what it holds; give --format csv or --format ndjson");
  }
  return require_input(path);
}

Result<int> import(const Options& options, bool as_json) {
  const bool csv = options.format.empty() ? !options.file.ends_with("json") && !options.file.ends_with(".jsonl")
                                          : options.format == "csv";
  if (!csv && (!options.mapping.maps.empty() || !options.mapping.formats.empty())) {
    return fail(Code::invalid, "cli.import.mapping", options.file,
                "--map and --date-format are for CSV; rows of NDJSON have the agreement's field names already");
  }
  HF_CHECK(require_file(options));
  std::vector<std::string> inputs = files_of(options.client);
  inputs.push_back(options.file);
  HF_CHECK(require_output(options.rejects, inputs));
  HF_TRY(Client first, Client::create(options.client));
  HF_TRY(Client second, Client::create(options.client));
  std::array<Client, 2> clients{std::move(first), std::move(second)};
  HF_TRY(const agreement::Collection collection, find_collection(clients[0], options.collection));
  const auto start = std::chrono::steady_clock::now();
  Sum sum;
  const auto transferred = transfer(options, csv, collection, clients, Uploader(options), sum);
  // What came before a break is in custody, and is told as if the file had ended there; then the break.
  if (!transferred && !sum.read.broken && sum.rows == 0) return tl::unexpected<Error>(transferred.error());
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::sort(sum.problems.begin(), sum.problems.end(),
            [](const RowProblem& a, const RowProblem& b) { return a.row < b.row; });
  // Told whatever becomes of --rejects, since what was taken is in custody.
  as_json ? tell_json(sum, seconds) : tell(options, sum, seconds);
  const auto kept = options.rejects.empty() ? Result<void>() : write_rejects(options.rejects, sum);
  if (!kept && !transferred) print_warning(kept.error().text());
  HF_CHECK(transferred);
  HF_CHECK(kept);
  return sum.rejected == 0 ? exit_ok : exit_error;
}

}  // namespace

void add_import(CLI::App& program, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = add_command(program, session, "import", "Deposit the rows of a file into a collection",
                                  "  holdfast import views views.csv --as app-us\n"
                                  "  holdfast import profile people.csv --as app-us --subject Number --map "
                                  "email=EmailAddress,zip=ZipCode,birthdate=Birthday --date-format birthdate=M/D/YYYY",
                                  [&session, options] {
                                    if (options->file == "-") options->file = kStandardInput;
                                    return import(*options, session.json);
                                  });
  command->add_option("COLLECTION", options->collection, "A collection of the agreement")->required();
  command->add_option("FILE", options->file, "CSV with a header, or NDJSON; UTF-8; - is standard input, with --format")
      ->required();
  command->add_option("--format", options->format, "csv or ndjson (default: by the file's name)")
      ->check(CLI::IsMember({"csv", "ndjson"}));
  command
      ->add_option("--map", options->mapping.maps,
                   "Which column each field comes from, FIELD=COLUMN,…; the others are left out")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--subject", options->mapping.subject, "Column of the subject's id")->capture_default_str();
  command
      ->add_option("--date-format", options->mapping.formats,
                   "How a field is written, FIELD=M/D/YYYY,…; unix or unix-ms for a time")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--rejects", options->rejects, "Write why rows were rejected to this file, NDJSON");
  add_client_options(*command, options->client);
}

}  // namespace holdfast::cli
