#pragma once

#include "report/report.h"
#include "verify/log_builder_test.h"

namespace holdfast::report {

/// A log of half a year, from Thursday 1 January 2026: releases on every day at home and abroad, refusals, a new
/// version, rights asked for, upkeep.
class Year {
 public:
  static constexpr UnixMillis kStart = 1'767'225'600'000, kDay = 86'400'000;

  explicit Year(int days = 180) {
    using verify::LogBuilder;
    log.now = kStart;
    log.adopt(log.document(1, "40 subjects per day", 500), 1);
    log.append("oak", evidence::ServerStarted{sha256("binary"), "holdfast 0.1.0"});
    log.append("app", evidence::Deposited{"profile", {}, 600, 600, sha256("batch")});
    for (int day = 0; day < days; ++day) {
      log.now = kStart + day * kDay + 8 * 3'600'000;
      for (unsigned i = 0; i < 6; ++i) log.append("app", LogBuilder::account(static_cast<unsigned>(day) * 3 + i));
      for (unsigned i = 0; i < 3 + static_cast<unsigned>(day * day) % 11; ++i) {
        log.append("acme", LogBuilder::support(static_cast<unsigned>(day) * 2 + i));
      }
      if (day % 9 == 4)
        log.append("acme",
                   evidence::Refused{"disclose", "account", "release.recipient", 1 + static_cast<unsigned>(day) % 4});
      if (day % 31 == 7) log.append("stranger", evidence::Refused{"disclose", "", "auth.unknown", 5});
      if (day % 20 == 2)
        log.append("subject", evidence::SubjectExported{LogBuilder::subject(9), sha256("export"), 4321});
      if (day % 30 == 29) log.append("oak", evidence::RetentionSwept{"profile", 4, 4});
      if (day == 60) {
        log.append("oak", evidence::RootKeyRotated{"k1", "k2", 600});
        log.append("oak", evidence::BackupTaken{log.entries.size()});
      }
      if (day == 90) log.adopt(log.document(2, "50 subjects per day", 500), 2);
      if (day % 25 == 11) {
        const auto subject = LogBuilder::subject(10'000 + static_cast<unsigned>(day));
        log.append("app", evidence::ErasureAsked{subject});
        log.now += day % 50 == 11 ? 400 : 72'000'000;
        if (day < 150) log.append("oak", evidence::ErasureDone{subject});
      }
    }
  }

  Options options() {
    log.write(dir / "log");
    Options out;
    out.verify.log = (dir / "log").string();
    out.verify.parties = log.parties();
    return out;
  }

  verify::TemporaryDirectory dir;
  verify::LogBuilder log;
};

}  // namespace holdfast::report
