#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "verify/log_builder_test.h"
#include "verify/verify.h"

namespace holdfast::verify {

/// A log under construction, whose entry 0 adopts an agreement, and what verify finds in it.
class Verify : public testing::Test {
 protected:
  Verify() { log.adopt(log.document(1), 1); }

  Options options() const {
    Options out;
    out.log = (dir / "log").string();
    out.parties = log.parties();
    return out;
  }
  void write() {
    std::filesystem::remove_all(dir / "log");
    log.write(dir / "log");
  }
  /// "slug@index" or "slug" of everything found.
  std::vector<std::string> found(const Options& with) {
    auto run = verify(with);
    if (!run) return {"error " + run.error().text()};
    report = *std::move(run);
    std::vector<std::string> out;
    for (const Finding& finding : report.findings) {
      out.push_back(finding.slug + (finding.index ? "@" + std::to_string(*finding.index) : ""));
    }
    return out;
  }
  std::vector<std::string> found() {
    write();
    return found(options());
  }
  void fill(unsigned count) {
    for (unsigned i = 0; i < count; ++i) log.append("app", LogBuilder::account(100 + i % 50));
  }

  TemporaryDirectory dir;
  LogBuilder log;
  Report report;
};

}  // namespace holdfast::verify
