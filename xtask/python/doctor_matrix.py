#!/usr/bin/env python3
"""Holds the predictions of `modelport doctor` against what the real Keras did.

    doctor_matrix.py --bin MODELPORT --matrix MATRIX.tsv --for keras==3.15.1

MATRIX.tsv is what load_matrix.py records: case, format, path, golden, result, max_abs_diff, largest, error. Prints the
confusion table and every disagreement; exits with 1 when fewer than 95 % agree, or when an error text was predicted whose
kind of exception or quoted words are others than those of Keras.
"""
import argparse, collections, csv, json, os, re, subprocess, sys

ap = argparse.ArgumentParser()
ap.add_argument("--bin", required=True)
ap.add_argument("--matrix", required=True)
ap.add_argument("--for", dest="target", default="keras==3.15.1")
a = ap.parse_args()
ROOT = os.path.dirname(os.path.abspath(a.matrix))
WORDS = {"loads": "loads", "loads_with_other_numbers": "other_numbers", "refuses": "refuses"}
ORDER = ("loads", "other_numbers", "refuses")


def same_text(predicted, real):
    """Whether the exception is the one: the sentence that Keras ends with begins as the predicted one ends."""
    def tail(text):
        text = text.split("Exception encountered:")[-1]
        return re.sub(r"\W+", " ", re.sub(r"^\s*\w+Error:", "", text)).split()[:5]
    return tail(predicted) == tail(real) or " ".join(tail(predicted)[:4]) in re.sub(r"\W+", " ", real)


table, texts, wrong, count = collections.Counter(), collections.Counter(), [], 0
with open(a.matrix, encoding="utf8") as f:
    for row in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE):
        path = row["path"] if os.path.exists(row["path"]) else os.path.join(ROOT, row["path"])
        done = subprocess.run([a.bin, "doctor", path, "--for", a.target, "--json"], capture_output=True, text=True)
        found = json.loads(done.stdout) if done.stdout else {"verdict": "unreadable", "calls": [{"error": done.stderr}]}
        said = WORDS.get(found["verdict"], "unreadable")
        error = found["calls"][0].get("error") or ""
        table[row["result"], said] += 1
        count += 1
        if said != row["result"]:
            wrong.append(f'{row["case"]} ({row["format"]}): Keras {row["result"]}, doctor {said}: {row["error"][:160]}')
        elif said == "refuses":
            good = same_text(error, row["error"])
            texts[good] += 1
            if not good:
                print(f'  text: {row["case"]} ({row["format"]})\n    Keras  {row["error"][-200:]}\n    doctor {error[-200:]}')
print(f"{'Keras':<16}" + "".join(f"{'doctor: ' + o:>24}" for o in ORDER))
for real in ORDER:
    print(f"{real:<16}" + "".join(f"{table[real, said]:>24}" for said in ORDER))
agree = sum(table[o, o] for o in ORDER)
print("\n".join(wrong))
print(f"{agree} of {count} agree ({100 * agree / max(count, 1):.1f} %); of the texts of exceptions {texts[True]} of {sum(texts.values())}")
sys.exit(0 if count and agree >= 0.95 * count else 1)
