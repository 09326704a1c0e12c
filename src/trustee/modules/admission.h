#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "agreement/plan.h"
#include "sealed/formats/module.h"
#include "sealed/pool.h"

namespace holdfast::trustee {

/// One run of a module on records that belong to nobody.
struct Trial {
  std::string flow;
  unsigned subjects = 0, rows = 0;  ///< rows of each subject, in collections of many
  std::size_t input_bytes = 0, output_bytes = 0;
  std::chrono::microseconds took{0};
  bool good = false;    ///< ended well within the time that a run has here, and put out what it may
  std::string ending;   ///< "finished", "trapped: unreachable", "its worker died"
  std::string without;  ///< the product that the flow would hand it, and that nobody has for these records
};

/// What is found out of a module before anybody signs for it. What it does in a trial is told, and forbids nothing: the
/// jail holds a module that traps or spins, and who signs is to know.
struct Admission {
  sealed::ModuleReport module;
  std::chrono::milliseconds ready{0};  ///< until a jailed worker had compiled it
  std::uint64_t memory_bytes_max = 0;  ///< of one run, here
  std::chrono::microseconds run_max{0};
  std::vector<Trial> trials;

  boost::json::object to_json() const;
};

/// Reads `file`, has it compiled in a jailed worker of its own, and runs it for each flow of `plan` that runs
/// `module`, on synthetic records: none, one, fifty, a thousand rows; a job on a few frames of some subjects;
/// a flow that runs with a product, without it. Blocks
/// for as long as that takes: compiling up to PoolOptions::start_max, a run up to a second; a flow in which one
/// overstays is not tried further. Errors: invalid sealed.module.* (what cannot be admitted, docs/sealed-modules.md),
/// sealed.module.rejected (the engine does not compile it); refused sealed.jail.weak; unavailable sealed.worker.start.
Result<Admission> admit_module(ByteView file, const agreement::Plan& plan, std::string_view module,
                               sealed::PoolOptions pool, std::chrono::microseconds run_max);

}  // namespace holdfast::trustee
