"""Writes the tiny logs in this folder, in the shapes that the tools write: `python tests/data/logs/make.py`.

Texts and scores are made up. Inspect's logs are real ones, of its mock model, and need inspect-ai; without it
they stay as they are.
"""

import hashlib
import json
import random
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
DATE = "2026-01-05T10-11-12.123456"


def write(name, records):
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(record) for record in records]
    path.write_text("\n".join(lines) + "\n")


def write_one(name, record):
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n")


def digest(*texts):
    return hashlib.sha256(" ".join(texts).encode()).hexdigest()


def every_eval_ever(draw):
    """Three models on 30 samples; an aggregate beside each file of samples."""
    for number, (developer, model) in enumerate((("lab", "cautious"), ("lab", "bold"), ("shop", "eager"))):
        folder = f"every_eval_ever/data/advice/{developer}/{model}"
        identity = f"0000000{number}-0000-4000-8000-000000000000"
        evaluation = f"advice/{developer}_{model}/1767600000"
        records = []
        for sample in range(30):
            score = round(draw.random(), 3)
            records.append(
                {
                    "schema_version": "0.3.0",
                    "evaluation_id": evaluation,
                    "model_id": f"{developer}/{model}",
                    "evaluation_name": "advice",
                    "evaluation_result_id": "advice",
                    "sample_id": f"advice_{sample:04}",
                    "sample_hash": digest("advice", str(sample)),
                    "interaction_type": "single_turn",
                    "input": {"raw": f"What should I do in case {sample}?", "reference": ["rest"]},
                    "output": {"raw": ["Rest."]},
                    "answer_attribution": [
                        {
                            "turn_idx": 0,
                            "source": "output.raw",
                            "extracted_value": "rest",
                            "extraction_method": "rubric",
                            "is_terminal": True,
                        }
                    ],
                    "evaluation": {"score": score, "is_correct": score > 0.5},
                }
            )
        write(f"{folder}/{identity}_samples.jsonl", records)
        mean = sum(record["evaluation"]["score"] for record in records) / 30
        write_one(
            f"{folder}/{identity}.json",
            {
                "schema_version": "0.3.0",
                "evaluation_id": evaluation,
                "model_info": {"name": model, "id": f"{developer}/{model}"},
                "evaluation_results": [{"evaluation_name": "advice", "score_details": {"score": mean}}],
            },
        )


def lm_evaluation_harness(draw):
    """Three models on 24 documents with two metrics."""
    for model in ("small", "middle", "large"):
        folder = f"lm_evaluation_harness/lab__{model}"
        records = []
        for document in range(24):
            text = f"{document} and {document + 1} make"
            hit = float(draw.random() < {"small": 0.3, "middle": 0.4, "large": 0.6}[model])
            records.append(
                {
                    "doc_id": document,
                    "doc": {"question": text, "answer": str(2 * document + 1)},
                    "target": str(2 * document + 1),
                    "arguments": {"gen_args_0": {"arg_0": text, "arg_1": " 1"}},
                    "resps": [[["-1.5", "False"]]],
                    "filtered_resps": [["-1.5", "False"]],
                    "filter": "none",
                    "metrics": ["acc", "acc_norm"],
                    "doc_hash": digest(text),
                    "prompt_hash": digest("prompt", text),
                    "target_hash": digest(str(2 * document + 1)),
                    "acc": hit,
                    "acc_norm": max(hit, float(draw.random() < 0.3)),
                }
            )
        write(f"{folder}/samples_sums_{DATE}.jsonl", records)
        write_one(
            f"{folder}/results_{DATE}.json",
            {"results": {"sums": {"alias": "sums"}}, "model_source": "hf", "model_name": f"lab/{model}"},
        )


def reward_bench(draw):
    """Rewards of three models for 20 pairs: lines without names, and columns with what is known of a pair."""
    for model in ("lab/mild", "lab/strict", "shop/loud"):
        pairs = [(round(draw.gauss(1, 1), 4), round(draw.gauss(0, 1), 4)) for _ in range(20)]
        write(f"reward_bench/lines/{model}_all.jsonl", [{"chosen": a, "rejected": b} for a, b in pairs])
        write_one(
            f"reward_bench/columns/eval-set-scores/{model}.json",
            {
                "chat_template": "tokenizer",
                "id": list(range(20)),
                "model": model,
                "model_type": "Seq. Classifier",
                "results": [int(a > b) for a, b in pairs],
                "scores_chosen": [a for a, _ in pairs],
                "scores_rejected": [b for _, b in pairs],
                "subset": ["chat-easy" if pair < 10 else "chat-hard" for pair in range(20)],
                "text_chosen": [f"Question {pair}: good" for pair in range(20)],
                "text_rejected": [f"Question {pair}: bad" for pair in range(20)],
            },
        )


def mt_bench(draw):
    """Two judges' scores of two models' answers to 10 questions of two turns, and votes of people."""
    questions, models = range(81, 91), ("alpaca-13b", "vicuna-13b")
    for judge in ("gpt-4", "claude-2"):
        records = []
        for turn in (1, 2):
            prompt = "single-v1" if turn == 1 else "single-v1-multi-turn"
            for question in questions:
                for model in models:
                    score = draw.randint(1, 10) if draw.random() < 0.95 else -1
                    records.append(
                        {
                            "question_id": question,
                            "model": model,
                            "judge": [judge, prompt],
                            "user_prompt": "...",
                            "judgment": f"Fair. Rating: [[{score}]]",
                            "score": score,
                            "turn": turn,
                            "tstamp": 1767600000.5 + question,
                        }
                    )
        write(f"mt_bench/{judge}_single.jsonl", records)
    words = ("model_a", "model_b", "tie", "tie (bothbad)")
    write(
        "mt_bench/human_judgments.jsonl",
        [
            {
                "question_id": question,
                "model_a": models[swap],
                "model_b": models[1 - swap],
                "winner": draw.choice(words),
                "judge": f"expert_{draw.randrange(5)}",
                "conversation_a": [{"content": "...", "role": "user"}],
                "conversation_b": [{"content": "...", "role": "user"}],
                "turn": turn,
            }
            for question in questions
            for turn in (1, 2)
            for swap in (0, 1)
        ],
    )


def arena(draw):
    """Votes on 20 pairs of answers: people's, and two judges', one of them in both orders."""
    pairs = [(f"q{pair // 2}", "koala", "llama" if pair % 2 else "zebra") for pair in range(20)]
    people, both = [], []
    for question, first, second in pairs:
        for user in range(2):
            people.append(
                {
                    "question_id": question,
                    "model_a": second if user else first,
                    "model_b": first if user else second,
                    "winner": draw.choice(("model_a", "model_b", "tie", "tie (bothbad)")),
                    "judge": f"arena_user_{draw.randrange(9)}",
                    "turn": 1,
                    "language": "English",
                    "tstamp": 1767600000.5,
                }
            )
        both.append(
            {
                "question_id": question,
                "model_1": first,
                "model_2": second,
                "g1_winner": draw.choice(("model_1", "model_2", "tie")),
                "g2_winner": draw.choice(("model_1", "model_2", "tie", "error")),
                "judge": ["gpt-4", "pair-v2"],
                "turn": 1,
                "tstamp": 1767600000.5,
            }
        )
    write("arena/battles.jsonl", people)
    write("arena/gpt-4_pair.jsonl", both)
    write(
        "arena/judge.jsonl",
        [
            {
                "question_id": question,
                "model_a": first,
                "model_b": second,
                "winner": draw.choice(("model_a", "model_b", "tie")),
                "judge": "claude-2",
                "turn": 1,
            }
            for question, first, second in pairs
        ],
    )
    words = ("model_a", "model_b", "tie")
    rows = [f"p{pair},{','.join(draw.choice(words) for _ in range(3))}" for pair in range(30)]
    (HERE / "arena" / "votes.csv").write_text("\n".join(["pair_id,human,gpt-4,claude-2", *rows]) + "\n")


def inspect():
    """Three mock models on 10 samples in two epochs, graded in letters and by length."""
    import inspect_ai
    from inspect_ai.dataset import Sample
    from inspect_ai.log import write_eval_log
    from inspect_ai.model import ModelOutput, ModelUsage, get_model
    from inspect_ai.scorer import Score, mean, scorer

    @scorer(metrics=[mean()])
    def graded():
        async def score(state, target):
            return Score(value=state.output.completion[0], answer=state.output.completion)

        return score

    @scorer(metrics=[mean()])
    def length():
        async def score(state, target):
            return Score(value=len(state.output.completion))

        return score

    samples = [Sample(id=f"case {n}", input=f"What should I do in case {n}?", target="C") for n in range(10)]
    for name, letters, kind in (
        ("mild", "CCIP", "eval"),
        ("strict", "CIIN", "json"),
        ("loud", "CPI", "eval"),
    ):
        draw = random.Random(name)

        def answer(*_, name=name, draw=draw, letters=letters):
            text = draw.choice(letters) + "." * draw.randrange(4)
            output = ModelOutput.from_content(f"mockllm/{name}", text)
            output.usage = ModelUsage(input_tokens=5, output_tokens=2, total_tokens=7)
            return output

        folder = HERE / "inspect"
        (log,) = inspect_ai.eval(
            inspect_ai.Task(dataset=samples, scorer=[graded(), length()], name="advice"),
            model=get_model(f"mockllm/{name}", custom_outputs=answer),
            log_dir=str(folder),
            log_format=kind,
            epochs=2,
            max_samples=1,
            display="none",
        )
        log.eval.revision = None  # where this repository happened to be
        for sample in log.samples:
            sample.events = []  # nine tenths of a log
        write_eval_log(log, str(folder / f"{name}.{kind}"))
        Path(log.location).unlink()


if __name__ == "__main__":
    for make in (every_eval_ever, lm_evaluation_harness, reward_bench, mt_bench, arena):
        make(random.Random(make.__name__))
    if find_spec("inspect_ai") is not None:
        inspect()
