"""Ask the service at an address one question about the project and insist on the document that says it."""

import json
import sys
import urllib.request

QUESTION = "Which user does the container run as?"
DOCUMENT = "How to build and push the image"


def main() -> int:
    """0 if the answer cites DOCUMENT."""
    body = json.dumps({"query": QUESTION, "top_k": 5, "stream": False}).encode()
    request = urllib.request.Request(f"{sys.argv[1]}/v1/query", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        answer = json.load(response)
    cited = {answer["sources"][citation["source"]]["title"] for citation in answer["citations"]}
    print(f"asked: {QUESTION}\nanswered: {answer['answer']}\ncited: {', '.join(sorted(cited)) or 'nothing'}")
    return 0 if DOCUMENT in cited else 1


if __name__ == "__main__":
    sys.exit(main())
