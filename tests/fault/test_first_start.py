"""A first start that is killed: its store is none yet to the doctor, and the next start makes it."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import campaign  # noqa: E402
import holdfast as e2e  # noqa: E402


def test_a_first_start_that_is_killed_leaves_no_damage(tmp_path):
    (tmp_path / "template").mkdir()
    template, count, told = e2e.Holdfast(tmp_path / "template"), 0, set()
    for call in (campaign.SYNC, campaign.RENAME):
        for number in range(1, 200, 8 if call == campaign.SYNC else 4):
            (tmp_path / str(count)).mkdir()
            server = campaign.Server(template, tmp_path / str(count))
            count += 1
            server.control.arm(call, number, campaign.KILL_BEFORE)
            try:
                server.start()
                server.kill()
                break  # there are no more of these calls
            except campaign.Refused:
                assert server.control[campaign.FIRED]
            server.control.disarm()
            doctor = e2e.run("doctor", "--dir", server.dir, check=False)
            store = [line for line in doctor.stdout.splitlines() if line.split()[1:2] == ["store"]]
            assert len(store) == 1 and store[0].startswith("ok "), doctor.stdout
            told.add(store[0])
            server.start()
            server.stop()
            assert "ok    store               records" in e2e.run("doctor", "--dir", server.dir, check=False).stdout
    assert count > 10 and len(told) >= 2, told
