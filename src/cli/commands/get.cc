// holdfast get, batch
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>

#include "base/near.h"
#include "cli/commands/groups.h"
#include "cli/frame/client.h"
#include "cli/frame/command.h"
#include "cli/frame/progress.h"
#include "cli/workdir/certificates.h"
#include "vault/names.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

/// As many subjects as go in one request of `batch`: large enough for one sync to serve many, small enough that a
/// broken connection loses little.
constexpr std::size_t kBatchSubjects = 1000;

struct Options {
  std::string flow, file;
  std::optional<std::string> subject;
  ClientOptions client;
};

Result<int> get(const Options& options, bool as_json) {
  const bool of_all = !options.subject;
  if (!of_all) HF_CHECK(vault::check_subject_id(*options.subject));
  HF_TRY(Client client, Client::create(options.client));
  const std::string flow = "/v1/flows/" + percent_encode(options.flow);
  HF_TRY(const auto answer,
         client.call("GET", of_all ? flow + "/aggregate" : flow + "/subjects/" + percent_encode(*options.subject)));
  const std::string_view receipt = answer.header("holdfast-receipt"), salt = answer.header("holdfast-salt");
  const std::string_view renews_at = answer.header("holdfast-renews-at");
  if (as_json) {
    // The payload stays as it came, byte for byte, since its digest is in the evidence.
    const std::string about = of_all ? fmt::format(R"("renews_at":"{}")", renews_at)
                                     : fmt::format(R"("subject":{})", json::serialize(json::string(*options.subject)));
    print_line(fmt::format(R"({{{},"receipt":{},"salt":"{}","data":{}}})", about, receipt, salt, answer.body));
    return exit_ok;
  }
  print_line(answer.body);
  fmt::print(stderr, "receipt {}, salt {}\n", receipt, salt);
  if (of_all) fmt::print(stderr, "these figures stand until {}\n", renews_at);
  return exit_ok;
}

/// A bare id becomes a JSON string; a line that is JSON stays.
std::string batch_line(std::string_view line) {
  const bool is_json = line.starts_with('"') || line.starts_with('{');
  return (is_json ? std::string(line) : json::serialize(json::string(line))) + "\n";
}

/// Passes the answers' lines on to stdout and counts those that are errors. Lines may come in pieces.
class Printer {
 public:
  /// Of an answer to a request that began with line `first` of the file.
  Result<void> take(std::string_view piece, std::uint64_t first) {
    for (const char c : piece) {
      line_.push_back(c);
      if (c != '\n') continue;
      HF_CHECK(print(first));
      line_.clear();
    }
    return {};
  }
  std::uint64_t released() const { return released_; }
  std::uint64_t refused() const { return refused_; }

 private:
  Result<void> print(std::uint64_t first) {
    boost::system::error_code wrong;
    json::value parsed = json::parse(line_, wrong);
    json::object* const object = wrong ? nullptr : parsed.if_object();
    const bool is_error = !object || object->contains("error");
    ++(is_error ? refused_ : released_);
    if (json::value* const number = object ? object->if_contains("line") : nullptr; number && number->is_int64()) {
      *number = static_cast<std::int64_t>(first) - 1 + number->get_int64();
      line_ = json::serialize(parsed) + "\n";
    }
    return std::fwrite(line_.data(), 1, line_.size(), stdout) == line_.size() ? Result<void>() : output_lost();
  }
  std::string line_;
  std::uint64_t released_ = 0, refused_ = 0;
};

Result<int> batch(const Options& options) {
  std::ifstream file;
  if (options.file != "-") {
    HF_CHECK(require_input(options.file));
    file.open(options.file);
    if (!file) return fail(Code::unavailable, "file.io", options.file, "cannot open the list of subjects");
  }
  std::istream& lines = options.file == "-" ? std::cin : file;
  HF_TRY(Client client, Client::create(options.client));
  const std::string path = fmt::format("/v1/flows/{}/batch", percent_encode(options.flow));
  Printer printer;
  Progress progress("batch", "subjects", std::nullopt);
  std::string body, line;
  std::size_t waiting = 0;
  std::uint64_t read = 0, first = 1;  // lines of the file; that of the next request's beginning
  const auto send = [&]() -> Result<void> {
    if (waiting > 0) {
      HF_CHECK(client.stream("POST", path, std::move(body), {{"Content-Type", "application/x-ndjson"}},
                             [&](ByteView piece) { return printer.take(piece, first); }));
    }
    body.clear();
    waiting = 0;
    first = read + 1;
    progress.update(0, printer.released() + printer.refused());
    return {};
  };
  while (std::getline(lines, line)) {
    if (line.ends_with('\r')) line.pop_back();
    ++read;
    body += line.empty() ? "\n" : batch_line(line);  // which the server passes over, and counts
    if (!line.empty() && ++waiting == kBatchSubjects) HF_CHECK(send());
  }
  if (lines.bad())
    return fail(Code::unavailable, "file.unreadable", options.file, "the disk failed in the middle of it");
  HF_CHECK(send());
  fmt::print(stderr, "{} released, {} refused\n", printer.released(), printer.refused());
  return printer.refused() == 0 ? exit_ok : exit_error;
}

}  // namespace

void add_get(CLI::App& program, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* getting =
      add_command(program, session, "get", "Read one subject through a flow, or the sums of a flow that aggregates",
                  "  holdfast get account u-1007 --as app-us\n"
                  "  holdfast get weekly-report --as bytedance | jq -r '.groups[] | [.video, .views] | @tsv'",
                  [&session, options] { return get(*options, session.json); });
  getting->add_option("FLOW", options->flow, "A flow of the agreement")->required();
  getting->add_option("SUBJECT", options->subject, "The subject's id; of a flow that aggregates, leave it out");
  add_client_options(*getting, options->client);

  CLI::App* batching = add_command(program, session, "batch", "Read many subjects through a flow; NDJSON out",
                                   "  holdfast batch support subjects.txt --as bytedance > out.ndjson\n"
                                   "  jq -r .id tickets.ndjson | holdfast batch support - --as bytedance",
                                   [options] { return batch(*options); });
  batching->add_option("FLOW", options->flow, "A flow of the agreement")->required();
  batching->add_option("FILE", options->file, "A subject id a line, or -")->required();
  add_client_options(*batching, options->client);
}

}  // namespace holdfast::cli
