#include "trustee/modules/admission.h"

#include <algorithm>
#include <boost/json.hpp>
#include <future>
#include <memory>

#include "base/clock.h"
#include "sealed/formats/records.h"
#include "trustee/modules/synthetic.h"

namespace holdfast::trustee {
namespace {

namespace json = boost::json;

constexpr unsigned kRowsTried[] = {0, 1, 50, 1000};
/// Longer than a run may take in service, to tell slow from endless.
constexpr std::chrono::seconds kTrialMax{1};
constexpr unsigned kJobFrames = 2, kJobSubjects = 4;
constexpr UnixMillis kTrialTime = 1'790'000'000'000;

Result<sealed::Answer> run(sealed::Pool& pool, const Hash& module, sealed::Request request) {
  std::promise<Result<sealed::Answer>> answered;
  auto answer = answered.get_future();
  pool.submit(module, std::move(request),
              [&answered](Result<sealed::Answer> got) { answered.set_value(std::move(got)); });
  return answer.get();
}

std::string ending_of(const Result<sealed::Answer>& answer) {
  if (answer) return answer->text();
  const std::string_view slug = answer.error().slug;
  if (slug == "sealed.worker.died") return "its worker died";
  if (slug == "sealed.worker.overstayed") return "could not be stopped, its worker was killed";
  if (slug == "sealed.worker.lied") return "wrote into the ring what cannot be, its worker was killed";
  return std::string(slug);
}

/// Did a run that ended well put out what it may, in time? A job puts out any bytes, and has its own time.
std::string judge(const sealed::Answer& answer, const agreement::Flow& flow, std::chrono::microseconds run_max) {
  if (flow.makes) return {};
  const auto frame = sealed::read_frame(answer.output);
  if (!frame) return ", and put out no frame";
  if (frame->subjects != 1) return ", and put out a frame of other subjects";
  return answer.took > run_max ? ", and took longer than a run may" : "";
}

void try_once(sealed::Pool& pool, const agreement::Flow& flow, sealed::Request request, Trial& trial,
              const Admission& admission) {
  trial.input_bytes = request.input.size();
  const auto answer = run(pool, admission.module.hash, std::move(request));
  trial.ending = ending_of(answer);
  if (!answer) return;
  trial.took = answer->took;
  trial.output_bytes = answer->output.size();
  if (!answer->good()) return;
  const std::string wrong = judge(*answer, flow, admission.run_max);
  trial.good = wrong.empty();
  trial.ending += wrong;
}

Result<void> try_flow(sealed::Pool& pool, const agreement::Plan& plan, const agreement::Flow& flow,
                      std::uint32_t output_bytes_max, Admission& admission) {
  for (const unsigned rows : kRowsTried) {
    Trial trial;
    trial.flow = flow.name;
    trial.subjects = flow.makes ? kJobFrames * kJobSubjects : 1;
    trial.rows = rows;
    trial.without = flow.with.value_or("");
    sealed::Request request;
    for (unsigned frame = 0; frame < (flow.makes ? kJobFrames : 1); ++frame) {
      HF_TRY(const Bytes one, synthetic_frame(plan, flow, flow.makes ? kJobSubjects : 1, rows));
      request.input += one;
    }
    request.seed.fill(static_cast<std::uint8_t>(rows));
    request.time_ns = static_cast<std::uint64_t>(kTrialTime) * 1'000'000;
    request.run_max = kTrialMax;
    request.output_bytes_max = output_bytes_max;
    if (flow.size_max_bytes && *flow.size_max_bytes < output_bytes_max) {
      request.output_bytes_max = static_cast<std::uint32_t>(*flow.size_max_bytes);
    }
    try_once(pool, flow, std::move(request), trial, admission);
    admission.trials.push_back(trial);
    if (trial.took >= kTrialMax || trial.took.count() == 0) break;  // it overstayed, or took its worker along
  }
  return {};
}

std::uint64_t in_bytes(std::uint32_t pages) { return std::uint64_t{pages} << 16; }

}  // namespace

Result<Admission> admit_module(ByteView file, const agreement::Plan& plan, std::string_view module,
                               sealed::PoolOptions options, std::chrono::microseconds run_max) {
  Admission out;
  HF_TRY(out.module, sealed::read_module(file));
  out.memory_bytes_max = options.worker.memory_bytes_max;
  out.run_max = run_max;
  // A pool of its own, so that nothing of a trial can touch what is in service.
  options.workers_per_module = 1;
  options.shape.slots = 1;
  const std::uint32_t output_bytes_max = options.shape.output_bytes_max;
  sealed::Pool pool(std::move(options));
  const auto start = std::chrono::steady_clock::now();
  HF_CHECK(pool.add(out.module.hash, Bytes(file)));
  out.ready = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  for (const agreement::Flow& flow : plan.flows) {
    if (flow.kind != agreement::Flow::Kind::run || flow.module != module) continue;
    HF_CHECK(try_flow(pool, plan, flow, output_bytes_max, out));
  }
  return out;
}

json::object Admission::to_json() const {
  json::array imports, exports, runs;
  for (const sealed::ModuleImport& each : module.imports) imports.emplace_back(each.module + "." + each.name);
  for (const sealed::ModuleExport& each : module.exports) exports.emplace_back(each.name);
  for (const Trial& trial : trials) {
    json::object one{{"flow", trial.flow},
                     {"subjects", trial.subjects},
                     {"rows", trial.rows},
                     {"input_bytes", trial.input_bytes},
                     {"output_bytes", trial.output_bytes},
                     {"took_us", trial.took.count()},
                     {"good", trial.good},
                     {"ending", trial.ending}};
    if (!trial.without.empty()) one["without_product"] = trial.without;
    runs.push_back(std::move(one));
  }
  json::object memory{{"begins_bytes", in_bytes(module.memory_pages)}, {"limit_bytes", memory_bytes_max}};
  if (module.memory_pages_max) memory["declares_bytes_max"] = in_bytes(*module.memory_pages_max);
  const bool good = std::ranges::all_of(trials, [](const Trial& trial) { return trial.good; });
  return {{"size_bytes", module.size_bytes},
          {"imports", std::move(imports)},
          {"exports", std::move(exports)},
          {"functions", module.functions},
          {"code_bytes", module.code_bytes},
          {"largest_function_bytes", module.largest_function_bytes},
          {"data_bytes", module.data_bytes},
          {"memory", std::move(memory)},
          {"table_elements", module.table_elements},
          {"custom_sections", json::value_from(module.custom_sections)},
          {"ready_ms", ready.count()},
          {"run_max_us", run_max.count()},
          {"runs_good", good},
          {"runs", std::move(runs)}};
}

}  // namespace holdfast::trustee
