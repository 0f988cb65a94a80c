"""Ask a running service, at the address given, one question about the project and insist on a cited document."""

import json
import sys
import urllib.request

QUESTION = "How do I build and push the image?"


def main() -> int:
    """0 if the answer cites a document."""
    body = json.dumps({"query": QUESTION, "top_k": 5, "stream": False}).encode()
    request = urllib.request.Request(f"{sys.argv[1]}/v1/query", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        answer = json.load(response)
    cited = {answer["sources"][citation["source"]]["title"] for citation in answer["citations"]}
    print(f"asked: {QUESTION}\nanswered: {answer['answer']}\ncited: {', '.join(sorted(cited)) or 'nothing'}")
    return 0 if cited else 1


if __name__ == "__main__":
    sys.exit(main())
