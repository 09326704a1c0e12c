// holdfast job: a sealed module runs over all subjects in custody
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <memory>
#include <thread>

#include "base/plain.h"
#include "cli/commands/groups.h"
#include "cli/frame/client.h"
#include "cli/frame/command.h"
#include "cli/frame/progress.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

constexpr std::chrono::milliseconds kLook{500};

struct Options {
  std::string flow;
  std::optional<std::uint64_t> job;
  bool wait = false;
  ClientOptions client;
};

std::string text_of(const json::object& job, std::string_view name) {
  const json::value* value = job.if_contains(name);
  if (!value) return "";
  return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

std::uint64_t number_of(const json::object& job, std::string_view name) {
  const json::value* value = job.if_contains(name);
  return value && value->is_int64() ? static_cast<std::uint64_t>(value->get_int64()) : 0;
}

Result<json::object> ask(Client& client, const std::string& path) {
  HF_TRY(const auto answer, client.call("GET", path));
  boost::system::error_code wrong;
  json::value parsed = json::parse(answer.body, wrong);
  if (!wrong && parsed.is_object()) return std::move(parsed.get_object());
  return fail(Code::corrupt, "cli.job.answer", client.server(), "the answer is not JSON; is this a Holdfast server?");
}

bool has_ended(const json::object& job) { return job.contains("ended"); }

/// "12 train → model: gathering, 1,200 of 3,000 subjects, 801,334 records, 33.1 MiB".
std::string line_of(const json::object& job) {
  std::string out = fmt::format("{} {} → {}: {}", text_of(job, "job"), text_of(job, "flow"), text_of(job, "product"),
                                text_of(job, "state"));
  if (job.contains("subjects_in_all")) {
    out += fmt::format(", {} of {}, {}, {}", with_commas(number_of(job, "subjects")),
                       counted(number_of(job, "subjects_in_all"), "subject", "subjects"),
                       counted(number_of(job, "records"), "record", "records"), size_text(number_of(job, "bytes")));
  }
  if (job.contains("phase_ms")) {
    out += fmt::format(", for {}", duration_text(std::chrono::seconds(number_of(job, "phase_ms") / 1000)));
  }
  if (text_of(job, "state") == "finished") {
    out += fmt::format(", {} of {} of {}", size_text(number_of(job, "size")),
                       counted(number_of(job, "records"), "record", "records"),
                       counted(number_of(job, "subjects"), "subject", "subjects"));
  }
  if (job.contains("reason")) out += ", " + text_of(job, "reason");
  if (has_ended(job)) out += fmt::format("; entry {} of the evidence", text_of(job, "receipt"));
  return out;
}

/// What it came to: nothing but a finished job is a success.
Result<int> ended(const json::object& job, bool as_json) {
  as_json ? print_json(job) : print_line(line_of(job));
  return text_of(job, "state") == "finished" ? exit_ok : exit_error;
}

/// Shows how far each phase is, until the job has ended: while it gathers a bar, then for how long it runs.
Result<json::object> wait_for(Client& client, const std::string& path) {
  std::optional<Progress> bar;
  std::string phase;
  for (;;) {
    HF_TRY(json::object job, ask(client, path));
    if (has_ended(job)) return job;
    if (const std::string state = text_of(job, "state"); state != phase) {
      phase = state;
      bar.reset();
      const bool gathers = phase == "gathering";
      bar.emplace(phase, gathers ? "records" : "",
                  gathers ? std::optional(number_of(job, "subjects_in_all")) : std::nullopt);
    }
    bar->update(number_of(job, "subjects"), number_of(job, "records"));
    std::this_thread::sleep_for(kLook);
  }
}

Result<int> start(const Options& options, bool as_json) {
  HF_TRY(Client client, Client::create(options.client));
  const std::string body = json::serialize(json::object{{"flow", options.flow}});
  HF_TRY(const auto answer, client.call("POST", "/v1/jobs", body, {{"Content-Type", "application/json"}}));
  const std::string job(answer.header("holdfast-receipt"));
  if (options.wait) {
    HF_TRY(const json::object end, wait_for(client, "/v1/jobs/" + job));
    return ended(end, as_json);
  }
  if (as_json) {
    print_body(answer.body);
  } else {
    print_line(fmt::format("job {} is started; how far it is: holdfast job status {} --wait", job, job));
  }
  return exit_ok;
}

/// Shows one job now, or with --wait when it has ended.
Result<int> show_one(Client& client, std::uint64_t id, const Options& options, bool as_json) {
  const std::string path = fmt::format("/v1/jobs/{}", id);
  if (options.wait) {
    HF_TRY(const json::object end, wait_for(client, path));
    return ended(end, as_json);
  }
  HF_TRY(const json::object job, ask(client, path));
  as_json ? print_json(job) : print_line(line_of(job));
  return exit_ok;
}

/// Of the server's list, which has them in the order of their start.
std::optional<std::uint64_t> newest_of(const json::array& jobs) {
  std::optional<std::uint64_t> newest;
  for (const json::value& job : jobs) {
    if (job.is_object()) newest = std::max(newest.value_or(0), number_of(job.get_object(), "job"));
  }
  return newest;
}

Result<int> status(const Options& options, bool as_json) {
  HF_TRY(Client client, Client::create(options.client));
  if (options.job) return show_one(client, *options.job, options, as_json);
  HF_TRY(const json::object all, ask(client, "/v1/jobs"));
  const json::value* listed = all.if_contains("jobs");
  const json::array jobs = listed && listed->is_array() ? listed->get_array() : json::array();
  // One runs at a time, in the order of their start: when the newest has ended, all have.
  if (const auto newest = newest_of(jobs); newest && options.wait) return show_one(client, *newest, options, as_json);
  if (as_json) {
    print_json(all);
    return exit_ok;
  }
  if (jobs.empty()) print_line("no job was started");
  for (const json::value& job : jobs) {
    if (job.is_object()) print_line(line_of(job.get_object()));
  }
  return exit_ok;
}

Result<int> cancel(const Options& options, bool as_json) {
  HF_TRY(Client client, Client::create(options.client));
  HF_TRY(const auto answer, client.call("DELETE", fmt::format("/v1/jobs/{}", *options.job)));
  if (as_json) {
    print_body(answer.body);
  } else {
    print_line(fmt::format("job {} is cancelled, and makes nothing: entry {} of the evidence", *options.job,
                           answer.header("holdfast-receipt")));
  }
  return exit_ok;
}

}  // namespace

void add_job(CLI::App& program, Session& session) {
  CLI::App* group = add_group(program, "job", "Sealed modules that run over all subjects, and what they make");
  const auto options = std::make_shared<Options>();

  CLI::App* starting =
      add_command(*group, session, "start", "Start the module of a flow that makes a product (trustee)",
                  "  holdfast job start train --as oracle --wait\n"
                  "  holdfast job start train --as oracle --json",
                  [&session, options] { return start(*options, session.json); });
  starting->add_option("FLOW", options->flow, "A flow of the agreement with 'makes'")->required();
  starting->add_flag("--wait", options->wait, "Show how far it is, until it ends; exit code 1 if it makes nothing");
  add_client_options(*starting, options->client);

  CLI::App* showing =
      add_command(*group, session, "status", "How far jobs are, and what became of the last ones (trustee, overseer)",
                  "  holdfast job status --as treasury\n"
                  "  holdfast job status 5012 --wait --as oracle",
                  [&session, options] { return status(*options, session.json); });
  showing->add_option("JOB", options->job, "One job, by its number; default: all, or with --wait the newest")
      ->check(whole_number());
  showing->add_flag("--wait", options->wait, "Show how far it is, until it ends; exit code 1 if it makes nothing");
  add_client_options(*showing, options->client);

  CLI::App* cancelling = add_command(*group, session, "cancel", "Stop a job; it makes nothing (trustee)",
                                     "  holdfast job cancel 5012 --as oracle\n"
                                     "  holdfast job cancel 5012 --as oracle --json",
                                     [&session, options] { return cancel(*options, session.json); });
  cancelling->add_option("JOB", options->job, "The job, by its number")->required()->check(whole_number());
  add_client_options(*cancelling, options->client);
}

}  // namespace holdfast::cli
