"""Contestant: the service of `bench.answer.ours`, started in the way that `ragspan serve` starts it."""

from app.lean_start import prepare_start


def main() -> None:
    prepare_start()
    from bench.answer.ours import main as serve  # noqa: PLC0415 - only now

    serve()


if __name__ == "__main__":
    main()
