"""The command line: what it prints, writes and refuses, and with which status it ends."""

import pickle
import shutil
import subprocess
import sys

import distributed
import pandas as pd
import pytest
import safetensors.torch
import torch
from typer.testing import CliRunner

from devtools.data_layouts import jpeg, picture, write
from emdviz import cli, experiments, setup_check
from emdviz.cli import app
from emdviz.experiments import export, paper, results
from emdviz.models import MODELS
from emdviz.reading import ArgumentError

QUICK = ("run", "table1", "--quick", "--losses=XE,EMD2", "--folds=0", "--rates=0.01", "--epochs=1")


def call(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)


def refused(*arguments):
    """Return the one line with which a command ends."""
    done = call(*arguments)
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store of two quick runs, and what was printed while they ran."""
    folder = tmp_path_factory.mktemp("store") / "runs"
    done = call(*QUICK, "--store", folder)
    assert done.exit_code == 0, done.output
    return folder, done.stdout


class TestRun:
    def test_reports_every_run_and_shows_the_table(self, store):
        folder, printed = store
        assert f"2 of 2 runs finished, in {folder}" in printed
        assert "AEM / AEO on synthetic_faces, mean ± spread of these runs" in printed
        rows = {line.split()[0]: line for line in printed.splitlines() if line[:1].isupper()}
        assert not {"AEMD", "REG"} & rows.keys()
        frame = results(folder)
        aem = frame.set_index("loss")["test AEM"]["XE"]
        assert rows["XE"].split()[1] == f"{aem:.1f}"
        assert sum("test AEM" in line for line in printed.splitlines()) == len(frame) == 2

    @pytest.mark.slow
    def test_reports_the_rate_and_options_of_every_run_without_bars(self, tmp_path):
        chosen = (*QUICK[:3], "--losses=AEMD", "--folds=0", "--rates=0.01", "--epochs=1")
        chosen += ("--option=n=64", "--store", tmp_path)
        done = call(*chosen)
        lines = [line for line in done.stdout.splitlines() if "test AEM" in line]
        told = [line.partition(": ")[0].partition(" ")[2] for line in lines]
        assert told == [f"rate 0.01 lam {lam}" for lam in ("0.1", "1.0", "10.0")]
        assert not any("%|" in line or "\r" in line for line in done.stderr.splitlines())
        again = call(*chosen, "--seeds=1", "--losses=XE", "--quiet")
        assert "test AEM" not in again.stdout
        assert "1 of 1 runs finished" in again.stdout

    def test_a_second_time_does_nothing(self, store):
        done = call(*QUICK, "--store", store[0])
        assert done.exit_code == 0
        assert "test AEM" not in done.stdout
        assert "2 of 2 runs finished" in done.stdout

    def test_small_on_your_own_images(self, tmp_path):
        files = {
            f"{name}/{number}.jpg": jpeg(picture(10 * tone + number, tone / 2))
            for tone, name in enumerate(("low", "middle", "high"))
            for number in range(10)
        }
        own = ("--dataset=image_folder", "--data", write(tmp_path / "own", files))
        chosen = (*QUICK[:3], "--losses=XE", "--folds=0", "--rates=0.01", "--epochs=1")
        done = call(*chosen, *own, "--store", tmp_path / "runs")
        assert done.exit_code == 0, done.output
        assert "AEM / AEO on image_folder" in done.stdout
        assert results(tmp_path / "runs")["dataset size"].tolist() == [32]

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("typed", "names"),
        [
            (["--classes=dull, nice,superb"], ["dull", "nice", "superb"]),
            (["--classes=dull", "--classes=so, so"], ["dull", "so, so"]),
        ],
    )
    def test_takes_the_order_of_classes_that_it_does_not_know(self, tmp_path, typed, names):
        files = {
            f"{name}/{number}.jpg": jpeg(picture(number + 20 * place, place / 3))
            for place, name in enumerate(names)
            for number in range(10)
        }
        own = ("--dataset=image_folder", "--data", write(tmp_path / "own", files))
        chosen = (*QUICK[:3], "--losses=XE", "--folds=0", "--rates=0.01", "--epochs=1")
        unordered = call(*chosen, *own, "--store", tmp_path / "refused")
        assert unordered.exit_code == 2
        assert "pass --classes " in unordered.stderr
        done = call(*chosen, *own, *typed, "--store", tmp_path / "runs")
        assert done.exit_code == 0, done.output
        assert results(tmp_path / "runs")["dataset classes"].map(list).tolist() == [names]

    @pytest.mark.slow
    def test_every_command_prints_the_notes_of_the_data_set_once(self, tmp_path):
        files = {
            f"{name}/{number}.jpg": jpeg(picture(number + 20 * place, place / 3))
            for place, name in enumerate(("mild", "none", "severe"))
            for number in range(10)
        }
        own = ("--dataset=image_folder", "--data", write(tmp_path / "own", files))
        chosen = (*QUICK[:3], "--losses=XE,EMD2", "--folds=0,1", "--rates=0.01", "--epochs=1")
        done = call(*chosen, *own, "--store", tmp_path / "runs")
        assert done.exit_code == 0, done.output
        line = "note: image_folder: classes none < mild < severe"
        order = "note: image_folder: classes are in order as severities"
        commands = [
            done,
            call(*chosen, *own, "--store", tmp_path / "runs"),
            call("results", "--store", tmp_path / "runs"),
            call("export", tmp_path / "all.csv", "--store", tmp_path / "runs"),
        ]
        for one in commands:
            assert one.stderr.splitlines().count(line) == 1
            assert order in one.stderr

    @pytest.mark.slow
    def test_takes_a_table_of_numbers_and_cuts_it(self, tmp_path):
        files = {f"{k}.jpg": jpeg(picture(k, k / 40)) for k in range(40)}
        root = write(tmp_path / "own", files)
        table = "\n".join(["path,label", *(f"{k}.jpg,{k / 2}" for k in range(40))])
        (tmp_path / "scores.csv").write_text(table)
        chosen = (*QUICK[:3], "--losses=XE", "--folds=0", "--rates=0.01", "--epochs=1")
        own = ("--dataset=image_folder", "--data", root, "--labels", tmp_path / "scores.csv")
        for bins, kept in (("3", 3), ("4.5,12", (4.5, 12))):
            folder = tmp_path / bins
            done = call(*chosen, *own, "--bins", bins, "--option=unit=points", "--store", folder)
            assert done.exit_code == 0, done.output
            frame = results(folder)
            assert frame["dataset bins"].tolist() == [kept]
            assert frame["dataset unit"].tolist() == ["points"]
            assert f"{frame['test AEM'][0]:.1f} / " in done.stdout

    def test_finds_faces_by_the_pattern_of_their_names(self, tmp_path):
        files = {f"{k:03}A{k:02}.JPG": jpeg(picture(k, k / 70)) for k in range(70)}
        own = ("--dataset=age_faces", "--data", write(tmp_path / "own", files), "--bins=20,40")
        chosen = (*QUICK[:3], "--losses=XE", "--folds=0", "--rates=0.01", "--epochs=1")
        assert "age_faces needs pattern: type --pattern PATTERN" in refused(*chosen, *own)
        done = call(*chosen, *own, "--pattern=fgnet", "--store", tmp_path / "runs")
        assert done.exit_code == 0, done.output
        assert "note: age_faces: positions are the mean ages of the classes" in done.stderr
        years = results(tmp_path / "runs")["test score MAE"][0]
        assert "score MAE (unit of the scores) ↓ / CS(5) (%) ↑ on age_faces" in done.stdout
        assert done.stdout.splitlines()[-1].split()[1] == f"{years:.1f}"

    def test_leaves_out_a_network_whose_weights_nobody_publishes(self, tmp_path, monkeypatch):
        seen, data = [], tmp_path / "data"
        data.mkdir()
        monkeypatch.setattr(experiments, "run", lambda specs, *_, **__: seen.extend(specs) or 1 / 0)
        chosen = ("--data", data, "--rates=0.01", "--store", tmp_path / "runs")
        for more, networks in (
            ((), ["ALXs", "VGG_F", "RES"]),
            (("--weights=RES_F=none",), ["ALXs", "VGG_F", "RES", "RES_F"]),
        ):
            seen.clear()
            with pytest.raises(ZeroDivisionError):
                call("run", "table1", *chosen, *more)
            assert list(dict.fromkeys(spec.network for spec in seen)) == networks
        done = CliRunner().invoke(app, ["run", "table1", *map(str, chosen)])
        line = "note: left out: RES_F starts from weights: type --weights RES_F=FILE, or RES_F=none"
        assert line in done.stderr

    def test_in_processes_or_on_a_cluster(self, store, tmp_path, monkeypatch):
        seen, frame = [], results(store[0])
        workers = {"a": {"resources": {"GPU": 1}}}

        class Client:
            def __init__(self, address, timeout):
                seen.append(address)

            def scheduler_info(self):
                return {"workers": workers}

            def get_executor(self, **options):
                return options

            def close(self):
                seen.append("closed")

        monkeypatch.setattr(distributed, "Client", Client)
        monkeypatch.setattr(experiments, "run", lambda *given, **_: seen.append(given[2:]) or frame)
        for option in ("--workers=3", "--scheduler=tcp://here:1"):
            assert call(*QUICK, option, "--store", store[0]).exit_code == 0
        # where workers tell of GPUs, a run takes one
        cluster = (1, {"pure": False, "resources": {"GPU": 1}})
        assert seen == [(3, None), "tcp://here:1", cluster, "closed"]
        workers.clear()
        waits = call(*QUICK, "--scheduler=tcp://here:1", "--store", store[0]).stderr
        assert "no workers yet: runs wait for them; on each machine type dask worker tcp" in waits

    def test_what_fails_first_stops_all(self, tmp_path):
        broken = write(tmp_path / "data", {"fold_0_data.txt": b"nothing"})
        chosen = ("--networks=ALXs", "--rates=0.01", "--epochs=1", "--store", tmp_path / "runs")
        done = call("run", "table1", "--data", broken, *chosen)
        assert done.exit_code == 2
        assert "error: adience-f0-ALXs-XE-" in done.stderr
        assert "root lacks fold_1_data.txt" in done.stderr
        assert len(list((tmp_path / "runs").iterdir())) == 1

    def test_says_why_runs_failed(self, tmp_path, monkeypatch):
        (tmp_path / "halves.py").write_text(
            "import torch\n\n\n"
            "def net(outputs):\n"
            "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(7, outputs))\n"
        )
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        nets = f"--networks=small_cnn,{tmp_path / 'halves.py'}:net"
        done = call(*QUICK, nets, "--store", tmp_path / "runs")
        assert done.exit_code == 1
        assert "2 of 4 runs finished" in done.stdout
        assert "failed: 2 runs, such as " in done.stderr
        assert "the model fails for inputs of shape" in done.stderr
        assert done.stderr.splitlines()[-1] == "to try them again, repeat the command"


class TestDryRun:
    @pytest.mark.slow
    def test_of_the_whole_grid(self, tmp_path):
        done = call("run", "table1", "--dry-run", "--teraflops=40", "--store", tmp_path / "none")
        assert done.exit_code == 0
        lines = done.stdout.splitlines()
        assert sum(line.endswith(": to do") for line in lines) == 840
        assert any(line.startswith("840 runs, ") and "840 to do" in line for line in lines)
        assert any(line.startswith("each fold of 5: ") for line in lines)
        assert any(line.startswith("each learning rate of 7: ") for line in lines)
        assert "as you said" in lines[-1]
        hours = float(next(line for line in lines if line.startswith("840 runs")).split()[2])
        by_network = [float(line.split()[-2]) for line in lines if line.startswith("adience ")]
        assert sum(by_network) == pytest.approx(hours, abs=0.1)
        assert not (tmp_path / "none").exists()

    def test_knows_what_is_done(self, store):
        done = call(*QUICK, "--losses=XE,REG", "--dry-run", "--store", store[0])
        states = [line.rpartition(": ")[2] for line in done.stdout.splitlines()[:2]]
        assert states == ["done", "to do"]
        assert "2 runs, 0.0 GPU hours; 1 to do" in done.stdout


class TestRefusals:
    def test_say_what_to_type(self, tmp_path):
        nowhere = tmp_path / "nowhere"
        cases = {
            ("run", "table4"): "type table1, table2, table3 or map as the table, got 'table4'",
            ("run", "table2", "--data", nowhere, "--weights=RES_F=none"): (
                f"{nowhere} is not there: get images_of_groups as data/README.md says, then type "
                "--data FOLDER; or try python -m emdviz run table2 --quick"
            ),
            ("run", "table1", "--data", nowhere): f"{nowhere} is not there: get adience as ",
            ("run", "table1", "--networks=RES_F"): (
                "RES_F starts from weights: type --weights RES_F=FILE, or RES_F=none"
            ),
            ("run", "table1", "--quick", "--losses=EMD9"): (
                "type --losses with one of XE, REG, EMD, "
            ),
            ("run", "table1", "--quick", "--networks=VGG"): "type --networks with one of ALX, ",
            ("run", "table1", "--dataset=faces"): "type --dataset with one of aadb, ",
            ("run", "table1", "--rates=fast"): "type --rates as numbers between commas, got 'fast'",
            ("run", "table1", "--weights=RES_F"): "type --weights NETWORK=FILE, such as ",
            (*QUICK, "--workers=0"): "type --workers as a number from 1, got 0",
            (*QUICK, "--seeds=0", "--dry-run"): "type --seeds as a number from 1, got 0",
            (*QUICK, "--workers=2", "--scheduler=a:1"): "type --scheduler or --workers, not both",
            ("run", "table1", "--dataset=image_folder", "--networks=ALXs"): (
                "image_folder is read from files: type --data FOLDER"
            ),
            (*QUICK, "--classes=low,high"): (
                "synthetic_faces has classes of its own: leave --classes out"
            ),
            ("run", "table1", "--dataset=table"): "compare FILE --label COLUMN",
            (*QUICK, "--device=warp"): "device must be ",
            (*QUICK, "--bins=3"): (
                "synthetic_faces has no bins: what it has is n, seed, imbalance, "
            ),
            (*QUICK, "--option=n"): "type --option NAME=VALUE, such as policy=majority, got 'n'",
            ("results", "--store", nowhere): f"no runs in {nowhere}: type --store FOLDER, or ",
            ("export", "runs.xls"): "type a file that ends in .csv, .tex, .html, got runs.xls",
        }
        for arguments, text in cases.items():
            assert text in refused(*arguments, *_no_store(arguments, tmp_path)), arguments

    def test_a_named_edition_may_lie_where_the_workers_are(self, tmp_path, monkeypatch):
        def connect(address):
            raise OSError(f"no scheduler answers at {address}")

        monkeypatch.setattr(cli.runs, "connect", connect)
        command = (*QUICK[:3], "--dataset=image_folder", "--data", tmp_path / "none")
        assert "none is not there" in refused(*command, "--scheduler=a:1")
        assert "none is not there" in refused(*command, "--edition=clinic")
        both = refused(*command, "--edition=clinic", "--scheduler=a:1")
        assert both == "error: no scheduler answers at a:1"

    @pytest.mark.slow
    def test_no_scheduler(self, tmp_path, monkeypatch):
        monkeypatch.setattr(cli.cluster, "PATIENCE", 0.5)
        command = (*QUICK, "--scheduler=tcp://127.0.0.1:9", "--store", tmp_path)
        done = call(*command)
        assert done.exit_code == 2
        assert "error: no scheduler answers at tcp://127.0.0.1:9 (" in done.stderr

    @pytest.mark.slow
    def test_end_a_real_program_without_a_traceback(self, tmp_path):
        command = [sys.executable, "-m", "emdviz", "results", "--store", str(tmp_path / "none")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith("error: no runs in ")
        assert "Traceback" not in done.stderr


def _no_store(arguments, folder):
    return () if arguments[0] != "run" else ("--store", folder / "runs")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ArgumentError("reworded", "loss", ("XE", "EMD2"), "EMD9"),
            "type --losses with one of XE, EMD2; got 'EMD9'",
        ),
        (ArgumentError("reworded", "weights", missing="RES_F"), "type --weights RES_F=FILE, or "),
        (ArgumentError("reworded", "dataset_options", missing="root"), "type --data FOLDER"),
        (ArgumentError("reworded", "folds"), "reworded"),
    ],
)
def test_errors_are_told_apart_by_their_attributes(error, words):
    assert words in cli.typed.in_options(pickle.loads(pickle.dumps(error)), "aadb")


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        ({"losses": ["EMD9"]}, ("loss", "EMD9", "")),
        ({"networks": ["VGG"]}, ("network", "VGG", "")),
        ({"networks": ["RES_F"]}, ("weights", None, "RES_F")),
        ({"dataset": "faces"}, ("dataset", "faces", "")),
        ({"dataset": "image_folder"}, ("dataset_options", {"size": 256}, "root")),
    ],
    ids=str,
)
def test_functions_say_in_attributes_which_argument_is_wrong(arguments, facts):
    with pytest.raises(ArgumentError) as caught:
        paper.table_specs(1, **({"networks": ["ALXs"], "losses": ["XE"]} | arguments))
    found = caught.value
    assert (found.argument, found.value, found.missing) == facts
    assert bool(found.choices) == (facts[0] != "weights")


class TestResults:
    def test_show_what_is_there(self, store):
        done = call("results", "--store", store[0])
        assert done.exit_code == 0
        assert f"2 runs in {store[0]}: 2 finished, 0 begun" in done.stdout
        assert "AEM / AEO on synthetic_faces" in done.stdout
        assert "as printed" not in done.stdout

    def test_count_what_has_begun_and_are_no_success_without_any(self, tmp_path):
        (tmp_path / "training" / "digits-linear-XE-0123456789abcdef").mkdir(parents=True)
        done = call("results", "--store", tmp_path)
        assert done.stdout == f"0 runs in {tmp_path}: 0 finished, 1 begun\n"
        assert done.exit_code == 1

    def test_show_a_table_that_has_no_run_yet(self, store):
        done = call("results", "--store", store[0], "--table=table3")
        assert "Table 3, AADB, aesthetic scores in ten classes: Spearman, as printed" in done.stdout
        assert "0.6889" in done.stdout
        assert done.stdout.splitlines()[-1].split()[1:] == ["—"] * 4

    def test_only_some(self, store):
        done = call("results", "--store", store[0], "--only=loss=XE")
        assert "1 run in" in done.stdout
        line = refused("results", "--store", store[0], "--only=lose=XE")
        assert "type --only NAME=VALUE with a name of id, dataset, " in line

    @pytest.mark.slow
    def test_of_several_kinds_are_refused(self, tmp_path, store):
        folder = tmp_path / "runs"
        call(*QUICK, "--losses=XE", "--epochs=2", "--store", folder)
        (other,) = folder.glob("*-XE-*")
        one = next(store[0].glob("*-XE-*"))
        (folder / one.name).symlink_to(one)
        done = call("results", "--store", folder)
        assert done.exit_code == 2
        assert "epochs is " in done.stderr
        assert "type --only 'epochs'=VALUE" in done.stderr
        assert call("results", "--store", folder, "--only=epochs=1").exit_code == 0
        assert other.name != one.name


class TestDrop:
    def test_weights_go_and_results_stay(self, store, tmp_path):
        folder = tmp_path / "runs"
        shutil.copytree(store[0], folder)
        before = results(folder)
        sizes = {path.parent.name: path.stat().st_size for path in folder.glob("*/weights.*")}
        first, second = before["id"]
        done = call("drop", "--store", folder, f"--only=id={first}")
        gone = f"weights of 1 runs deleted, {sizes[first] / 1e9:.3f} GB; to predict with one of"
        assert gone in done.stdout
        pd.testing.assert_frame_equal(results(folder), before)
        with pytest.raises(FileNotFoundError, match=r"without weights.safetensors, which was"):
            experiments.load(folder, first)
        assert experiments.load(folder, second).classes
        assert experiments.Store(folder).predictions(first)["test"]
        assert "weights of 1 runs" in call("drop", "--store", folder).stdout
        assert "weights of 0 runs" in call("drop", "--store", folder).stdout


class TestPretrain:
    def test_on_a_folder_like_imagenets(self, tmp_path):
        """Names of classes have no order; a stopped training goes on; a network starts from it."""
        files = {
            f"n0144{place}/n0144{place}_{k}.JPEG": jpeg(picture(k + 20 * place, place / 3))
            for place in range(3)
            for k in range(12)
        }
        root, folder = write(tmp_path / "train", files), tmp_path / "kept"
        chosen = ("pretrain", root, "--network=RES_thin", "--size=32", "--batch-size=8")
        chosen += ("--epochs=2", "--device=cpu", "--folder", folder)
        done = call(*chosen)
        assert done.exit_code == 0, done.output
        assert [line[:12] for line in done.stdout.splitlines()[:2]] == [
            "epoch 1 of 2",
            "epoch 2 of 2",
        ]
        best = folder / "best.safetensors"
        assert done.stdout.endswith(f"run table1 --weights RES_F_thin={best}\n")
        assert call(*chosen).stdout == done.stdout
        with pytest.warns(UserWarning, match="the last layer"):
            network = MODELS["RES_F_thin"](8, weights=best)
        kept = safetensors.torch.load_file(best)
        assert torch.equal(network.body.stem.weight, kept["model.body.stem.weight"])

    def test_says_what_it_needs(self, tmp_path):
        nowhere = tmp_path / "nowhere"
        assert f"{nowhere} is not there: type a folder with a" in refused("pretrain", nowhere)
        assert "a folder for each of two classes or more" in refused("pretrain", tmp_path)


class TestExport:
    def test_all_runs(self, store, tmp_path):
        done = call("export", tmp_path / "runs.csv", "--store", store[0])
        assert done.stdout == f"2 rows in {tmp_path / 'runs.csv'}\n"
        back = pd.read_csv(tmp_path / "runs.csv")
        frame = results(store[0])
        assert back["id"].tolist() == frame["id"].tolist()
        assert back["test RPS"].tolist() == pytest.approx(frame["test RPS"].tolist())

    def test_a_table_for_a_paper(self, store, tmp_path):
        """In the paper's layout, with digits that do not change, and half of every interval."""
        columns = pd.MultiIndex.from_product(
            [["RES", "a_b×8"], ["AEM", "AEO"], paper.STATISTICS], names=["network", "metric", ""]
        )
        rows = [
            [60.0, 2.0, 4, 90.04, float("nan"), 1, float("nan"), float("nan"), 0, 1, 0, 2],
            [100.0, 0.5, 9, 7.0, 0.1, 5, 1, 1, 2, 2, 2, 3],
        ]
        laid = pd.DataFrame(rows, index=["XE", "my_loss"], columns=columns)
        lines = paper.to_latex(laid).splitlines()
        rows = [line.removesuffix(r" \\") for line in lines if "&" in line]
        cells = [[cell.strip() for cell in row.split("&")] for row in rows]
        assert "no number is bold" in lines[1]
        assert lines[2] == r"\begin{tabular}{lcccc}"
        assert cells[0] == ["", r"\multicolumn{2}{c}{RES}", r"\multicolumn{2}{c}{a\_b$\times$8}"]
        assert cells[1] == ["loss", "AEM", "AEO", "AEM", "AEO"]
        # Student's t of 3, 8, 4, 1 and 2 degrees of freedom, from printed tables
        assert cells[2] == ["XE", r"60.0 $\pm$ 3.2", "90.0", "--", r"1.0 $\pm$ 0.0"]
        half = [2.306 * 0.5 / 3, 2.776 * 0.1 / 5**0.5, 12.706 / 2**0.5, 4.303 * 2 / 3**0.5]
        means = zip(("100.0", "7.0", "1.0", "2.0"), half, strict=True)
        assert cells[3] == [r"my\_loss", *(rf"{m} $\pm$ {h:.1f}" for m, h in means)]
        file = tmp_path / "table.tex"
        call("export", file, "--store", store[0], "--table=table1", "--dataset=synthetic_faces")
        text = file.read_text(encoding="utf-8")
        assert [text.count(one) for one in ("{", r"\\")] == [text.count("}"), 2 + 2]
        aem = results(store[0]).set_index("loss")["test AEM"]["XE"]
        assert f"XE & {aem:.1f} & " in text
        assert r"\multicolumn{2}{c}{small\_cnn}" in text

    @pytest.mark.parametrize(("suffix", "row"), [("csv", "\n"), ("html", "<tr")])
    def test_a_table(self, store, tmp_path, suffix, row):
        file = tmp_path / f"table.{suffix}"
        call("export", file, "--store", store[0], "--table=table1", "--dataset=synthetic_faces")
        text = file.read_text(encoding="utf-8")
        assert text.count(row) == 1 + 4  # two losses, one network, two metrics
        assert "printed" not in text  # the paper's numbers are of other data
        assert "49.8" not in text
        assert "small_cnn" in text

    def test_no_file_without_a_number(self, store, tmp_path):
        file, kept = tmp_path / "some.tex", ("--store", store[0])
        line = refused("export", file, *kept, "--table=table1")
        assert "has no run of adience: type --dataset with one of synthetic_faces" in line
        line = refused("export", file, *kept, "--only", "loss=REG")
        assert "has no run to write that --only chooses: type --store or --only of runs" in line
        assert not file.exists()

    def test_nothing_that_runs(self):
        frame = pd.DataFrame({"a&b": ["=1+1", "<script>", "x_y%", "-2"], "n": [1.0, -2.0, None, 3]})
        csv = export.to_csv(frame)
        assert csv.splitlines()[1:] == ["'=1+1,1.0", "<script>,-2.0", "x_y%,", "'-2,3.0"]
        html = export.to_html(frame)
        assert "<script>" not in html
        assert "a&amp;b" in html
        latex = export.to_latex(frame)
        assert "x\\_y\\%" in latex
        assert "a\\&b" in latex


class TestDoctor:
    def test_reports_and_ends_well(self, monkeypatch):
        fine = setup_check.Component("Python", setup_check.OK, "3.13")
        monkeypatch.setattr(setup_check, "examine", lambda data: [fine])
        done = call("doctor")
        assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "no problem")

    @pytest.mark.slow
    def test_ends_with_1_where_there_is_a_problem(self, monkeypatch, tmp_path):
        (tmp_path / "aadb").mkdir()
        monkeypatch.setattr(setup_check, "_jupyterlab", lambda: [])
        done = call("doctor", "--data", tmp_path)
        assert done.exit_code == 1
        assert f"→ delete {tmp_path / 'aadb'}, or fill it as data/README.md says" in done.stdout


def test_help_names_every_command():
    text = call("--help").stdout
    assert all(name in text for name in ("run", "results", "export", "doctor"))
    assert call("run", "--help").exit_code == 0
